// One command a line on standard input, one answer a line on standard output.
'use strict';

const readline = require('readline');

exports.tell = (message) => console.log(JSON.stringify(message));
exports.answer = async (handle) => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    exports.tell({ answer: await handle(JSON.parse(line)) });
  }
};
