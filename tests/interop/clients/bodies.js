// The bodies of tests, as bodies.py makes them: a pattern whose period (251) fits no power of two.
'use strict';

const crypto = require('crypto');

const bytes = (count) => Buffer.from(Uint8Array.from({ length: count }, (_, index) => index % 251));
const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');

module.exports = { bytes, sha256 };
