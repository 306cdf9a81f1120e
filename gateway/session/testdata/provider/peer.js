// An OpenID Connect provider on loopback, for one client. Its one person signs in
// by asking for a page: who it is, and with which groups, stands in the address.
import http from 'node:http'
import Provider from 'oidc-provider'

const [redirect, secret] = process.argv.slice(2)
const server = http.createServer()
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'secant',
      redirect_uris: [redirect],
      response_types: ['code'],
      grant_types: ['authorization_code'],
      ...(secret ? { client_secret: secret } : { token_endpoint_auth_method: 'none' }),
    }],
    pkce: { required: () => true },
    claims: { openid: ['sub', 'groups'] },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false } },
    interactions: { url: (ctx, interaction) => `/sign-in/${interaction.uid}` },
    findAccount: (ctx, id) => {
      const [sub, ...groups] = id.split('|')
      return { accountId: id, claims: () => ({ sub, groups }) }
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
  console.log(JSON.stringify(issuer))
})
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
