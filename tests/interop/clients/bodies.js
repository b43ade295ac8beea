// The bodies of tests, as bodies.py makes them: a pattern whose period (251) fits no power of two.
'use strict';

const crypto = require('crypto');

const bytes = (count) => Buffer.from(Uint8Array.from({ length: count }, (_, index) => index % 251));
const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');

// Characters of one, two and three bytes.
const text = (count) => 'aä€'.repeat(Math.ceil(count / 3)).slice(0, count);

module.exports = { bytes, text, sha256 };
