"""The exact law and ten predictions, as they were stated before they were measured; `checks` makes claims of them."""

TITLE = "Does dividing by sqrt(d) keep attention's gradients from becoming too large?"
PREDICTIONS: dict[str, str] = {
    "law": "In the simulated layer the gradient of the query, and in softmax alone its Jacobian, have the norms that"
    " the formulas give without a model: RMS and mean to 3 %, medians above 0.1 to 10 %.",
    "P1": "At initialisation Var(q.k) = d c_q^2 c_k^2, with c_q and c_k the size of a component of q and k.",
    "P2": "Where scores are small, the gradients of W_Q and W_K are sqrt(d) times larger unscaled than under 1/sqrt(d),"
    " in every statistic; that of W_V is the same.",
    "P3": "Where scores have a std of sqrt(d) (LayerNorm in front), the RMS of the gradient is larger unscaled, and"
    " ever more so as d grows; its median is smaller unscaled beyond some d*.",
    "P4": "The share of tokens that carry the gradient, (E x^2)^2 / E x^4, is (35/18) mu_n / sigma for large sigma.",
    "P5": "The gradient of the values rises with saturation, by at most sqrt(n); so does that of W_V.",
    "P6": "The RMS of softmax's Jacobian is not monotone in sigma for n >= 5 keys: it peaks at sigma .85 (n = 6), 1.22"
    " (8), 1.74 (12), 2.03 (16), 2.77 (32). For n <= 4 it falls from the start.",
    "P7": "A scale s is the same as scale 1 with W_Q and W_K times sqrt(s), all along training, if the learning rate of"
    " W_Q and W_K is multiplied by s (gradient descent): equal to 1e-12 after 200 updates in float64.",
    "P8": "Under 1/d the std of the scores is proportional to d^(-1/2) at the start, and independent of d after"
    " training.",
    "P9": "A query that starts saturated on a wrong key, with margin M, escapes ever more slowly as M grows.",
    "P10": "The kurtosis of the tokens' gradient norms rises with sigma.",
}
