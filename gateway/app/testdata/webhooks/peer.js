// A receiver that uses standardwebhooks: node peer.js SECRET ID TIMESTAMP SIGNATURE BODY
const { Webhook } = require('standardwebhooks');

const [secret, id, timestamp, signature, body] = process.argv.slice(2);
const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };

function verifies(key, text) {
  try {
    new Webhook(key).verify(text, headers);
    return true;
  } catch (e) {
    return false;
  }
}

console.log(JSON.stringify({
  verified: verifies(secret, body),
  altered: verifies(secret, `${body} `),
  other: verifies(`whsec_${Buffer.alloc(32).toString('base64')}`, body),
}));
