"""The speed of catmat, compared with the same training written as usual."""
