// Light and dark: as the system says, until the switch is pressed; paper is always light.
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");
const paper = matchMedia("print");
let chosen = null;

const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

function setTheme() {
  const system = dark.matches ? "dark" : "light";
  const theme = paper.matches ? "light" : chosen ?? system;
  const button = document.getElementById("theme");
  button.hidden = false;
  button.textContent = theme === "dark" ? "Light" : "Dark";
  button.setAttribute("aria-label", `Switch to ${theme === "dark" ? "light" : "dark"} colours`);
  if (root.dataset.theme === theme) return;
  root.dataset.theme = theme;
  document.dispatchEvent(new Event("theme"));
}

function followTheme() {
  setTheme();
  dark.addEventListener("change", setTheme);
  paper.addEventListener("change", () => {
    setTheme();
    document.dispatchEvent(new Event("theme"));
  });
  document.getElementById("theme").addEventListener("click", () => {
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    setTheme();
  });
}
