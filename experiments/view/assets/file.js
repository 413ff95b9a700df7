// The entry of the page that is one file: its data, its theme, and white paper.

import { readData } from "./file_data.js";
import { FilePage } from "./file_page.js";
import { watchTheme } from "./host.js";

const page = new FilePage(document.getElementById("page"), readData(document.getElementById("data").textContent));
let screenTheme = "light";
watchTheme((now) => page.recolour((screenTheme = now)));
addEventListener("beforeprint", () => page.recolour("light"));
addEventListener("afterprint", () => page.recolour(screenTheme));
