// hyco-https as a listener: the routes that http_exchanges.py asks for.
'use strict';

const https = require('hyco-https');
const { bytes } = require('../bodies');
const { tell } = require('../lines');

const { RELAY_HOST, RELAY_PATH, RELAY_KEY_NAME, RELAY_KEY, TOKEN_LIFETIME_S, RENEW_AFTER_MS } = process.env;

if (RENEW_AFTER_MS) {
  // The package renews its token every hour, and lets nobody change that. Its own code stays as it is: for it, an hour
  // is over sooner.
  const setNormalInterval = global.setInterval;
  global.setInterval = (callback, delay, ...rest) =>
    setNormalInterval(callback, delay === 3600 * 1000 ? Number(RENEW_AFTER_MS) : delay, ...rest);
}

const waiting = [];
const routes = {
  echo: (request, response, body) => {
    response.setHeader('X-Method', request.method);
    response.setHeader('Content-Type', request.headers['content-type'] || 'application/octet-stream');
    // end() with an empty buffer sends nothing at all in hyco-https 1.4.5, not even the headers
    response.end(body.length ? body : null);
  },
  seen: (request, response) => {
    const { method, url, headers } = request;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ method, target: url, headers }));
  },
  status: (request, response, body, query) => {
    response.writeHead(Number(query.get('code')), query.get('reason'), { 'X-Answer': 'given' });
    response.end('as you wish');
  },
  nothing: (request, response) => {
    response.writeHead(204, 'Nothing to say');
    response.end();
  },
  large: (request, response, body, query) => response.end(bytes(Number(query.get('bytes')))),
  // hyco-https keeps up to 64 KiB back, to answer on the control channel: the first piece is longer than that
  stream: (request, response) => {
    response.write(bytes(100000));
    waiting.push(() => response.end('the last piece'));
  },
  release: (request, response) => {
    waiting.splice(0).forEach((finish) => finish());
    response.end('released');
  },
};

const uri = https.createRelayListenUri(RELAY_HOST, RELAY_PATH);
const newToken = () => https.createRelayToken(uri, RELAY_KEY_NAME, RELAY_KEY, Number(TOKEN_LIFETIME_S || 3600));
const isFixed = process.argv.includes('--fixed-token');
const server = https.createRelayedServer({ server: uri, token: isFixed ? newToken() : newToken }, (request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const url = new URL(request.url, 'https://relay');
    const route = url.pathname.slice(RELAY_PATH.length + 2).split('/')[0];
    routes[route](request, response, Buffer.concat(pieces.map((piece) => Buffer.from(piece))), url.searchParams);
  });
});
server.on('listening', () => {
  tell({ event: 'listening' });
  server.controlChannel.on('close', (code, reason) => tell({ event: 'lost', code, reason }));
});
server.on('error', (error) => tell({ event: 'failed', message: error.message }));
server.listen();
