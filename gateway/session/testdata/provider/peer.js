// An OpenID Connect provider on loopback, for one client. Its one person signs in
// by asking for a page: who it is, and with which groups, stands in a header. Says where
// it is, then reads to where it may send browsers back, and says so.
import http from 'node:http'
import { createInterface } from 'node:readline'
import Provider from 'oidc-provider'

const [secret] = process.argv.slice(2)
const server = http.createServer()
server.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  console.log(JSON.stringify(issuer))
  for await (const line of createInterface({ input: process.stdin })) {
    open(issuer, JSON.parse(line))
    console.log('true')
  }
  process.exit(0)
})

function open(issuer, redirects) {
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'secant',
      redirect_uris: redirects,
      response_types: ['code'],
      grant_types: ['authorization_code'],
      ...(secret ? { client_secret: secret } : { token_endpoint_auth_method: 'none' }),
    }],
    pkce: { required: () => true },
    claims: { openid: ['sub', 'groups', 'employee'] },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false } },
    interactions: { url: (ctx, interaction) => `/sign-in/${interaction.uid}` },
    findAccount: (ctx, id) => {
      const [sub, ...groups] = id.split('|')
      return { accountId: id, claims: () => ({ sub, groups, employee: `e-${sub}` }) }
    },
    cookies: { keys: ['of a test'] },
  })
  const app = provider.callback()
  server.on('request', async (req, res) => {
    const url = new URL(req.url, issuer)
    if (!url.pathname.startsWith('/sign-in/')) return app(req, res)
    try {
      const { prompt, params, grantId } = await provider.interactionDetails(req, res)
      const accountId = req.headers['x-person']
      let result = { login: { accountId } }
      if (prompt.name !== 'login') {
        const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId, clientId: params.client_id })
        grant.addOIDCScope(params.scope)
        result = { consent: { grantId: await grant.save() } }
      }
      await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true })
    } catch (e) {
      res.statusCode = 400
      res.end(String(e))
    }
  })
}
