#!/usr/bin/env node
// The program `tidemark`. What comes before a command's own module is kept small, so that help is quick.

import { runProgram } from "./program.js";

process.exitCode = await runProgram(process.argv.slice(2));
