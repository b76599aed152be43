// Where there is a kernel: anywidget calls render with the live model.
import { explorables } from "./registry.js";

function render({ model, el }) {
  return explorables[model.get("_explorable")].render({ model, el });
}

export default { render };
