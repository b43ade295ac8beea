// hyco-https as a sender: its own addresses and tokens, and Node's https.request as it exports it.
'use strict';

const https = require('hyco-https');
const { bytes, sha256 } = require('../bodies');
const { answer } = require('../lines');

const { RELAY_HOST, RELAY_PATH, RELAY_KEY_NAME, RELAY_KEY } = process.env;

const exchange = ({ method, target, headers = {}, body = null, isChunked = false, onFirstPiece = null }) =>
  new Promise((resolve) => {
    const uri = https.createRelayHttpsUri(RELAY_HOST, RELAY_PATH);
    const token = https.createRelayToken(uri, RELAY_KEY_NAME, RELAY_KEY);
    const length = body === null || isChunked ? {} : { 'Content-Length': body };
    const request = https.request({
      hostname: RELAY_HOST,
      port: 443,
      method,
      path: `/${RELAY_PATH}${target}`,
      headers: { ...headers, ...length, ServiceBusAuthorization: token },
    }, (response) => {
      const pieces = [];
      response.on('data', (piece) => {
        if (onFirstPiece && !pieces.length) exchange({ method: 'GET', target: onFirstPiece });
        pieces.push(piece);
      });
      response.on('end', () => {
        const whole = Buffer.concat(pieces);
        resolve({
          status: response.statusCode,
          reason: response.statusMessage,
          headers: response.headers,
          bytes: whole.length,
          sha256: sha256(whole),
          text: whole.length < 4096 ? whole.toString() : null,
          isComplete: response.complete,
        });
      });
      response.on('error', (error) => resolve({ error: error.message }));
    });
    request.on('error', (error) => resolve({ error: error.message }));
    if (body !== null) {
      const whole = bytes(body);
      const step = isChunked ? Math.max(1, Math.ceil(whole.length / 5)) : whole.length;
      for (let sent = 0; sent < whole.length; sent += step) request.write(whole.subarray(sent, sent + step));
    }
    request.end();
  });

answer(async ({ requests }) => ({ responses: await Promise.all(requests.map(exchange)) }));
