// `npm run reference`: makes the pages of the reference from the comments of what the packages export, in reference/pages.

import { install } from "./install.mjs";
import { runTool } from "./tools.mjs";

const options = ["--options", "reference/typedoc.json"];
process.exitCode = install() && runTool("typedoc", options) ? 0 : 1;
