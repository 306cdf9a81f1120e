package resolver

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
)

// identifier answers as the HTTP(S) binding of DID Resolution says: the resolution
// under a status that follows from it, and to those who accept nothing but a DID
// document, that.
func (h *handler) identifier(c *gin.Context) error {
	ctx := c.Request.Context()
	res, err := h.resolve(ctx, identifierOf(c.Request.URL), c.Request.URL.RawQuery)
	if err != nil {
		_ = c.Error(err) // for the log
	}
	status := statusOf(res, err)
	if status == http.StatusServiceUnavailable {
		c.Header("Retry-After", "1")
	}
	if bare, ok := acceptsDocument(c.Request.Header.Values("Accept")); ok && res.Document != nil {
		return write(c, status, bare, res.Document)
	}
	return write(c, status, did.TypeResolution, res)
}

// identifierOf takes the DID out of a path. Most callers put it there as it is,
// others escape it as the standard of URLs wants it, and some escape its percent
// signs alone; no DID that is resolved here has "%25" itself.
func identifierOf(u *url.URL) string {
	raw := strings.TrimPrefix(u.EscapedPath(), pathIdentifiers)
	if strings.HasPrefix(raw, "did:") && !strings.Contains(raw, "%25") {
		return raw
	}
	text, err := url.PathUnescape(raw)
	if err != nil {
		return raw // as net/url saw to, this cannot be
	}
	return text
}

// resolve finds a document. The resolution is never nil.
func (h *handler) resolve(ctx context.Context, text, query string) (*did.Resolution, error) {
	options, err := optionsOf(query)
	if err != nil {
		return refused(did.ErrorInvalidDID, err)
	}
	u, err := did.ParseURL(text)
	if err != nil {
		return refused(did.ErrorInvalidDID, err)
	}
	if u.Method != did.MethodWeb {
		return h.DIDs.Resolve(ctx, text, options)
	}
	address, err := did.WebAddress(u.DID)
	if err != nil {
		return refused(did.ErrorInvalidDID, err)
	}
	host := hostOf(address)
	if host == h.Host {
		return h.own(ctx, u, options)
	}
	known, err := h.knows(ctx, host)
	if err != nil {
		return refused(did.ErrorInternal, err)
	}
	if !known {
		return refused(did.ErrorMethodNotSupported, errHost)
	}
	return h.DIDs.Resolve(ctx, text, options)
}

var (
	errHost     = ledger.Problemf(ledger.CodeInvalid, "of DIDs of the web, those of members' hosts are resolved here")
	errQuery    = ledger.Problemf(ledger.CodeInvalid, "a resolution is asked for with versionId, or with versionTime (RFC 3339), once")
	errVersions = ledger.Problemf(ledger.CodeInvalid, "DIDs of that method have one version only")
)

// own resolves a did:web of this organisation from the ledger, whose metadata hold
// for it too.
func (h *handler) own(ctx context.Context, u did.URL, options did.Options) (*did.Resolution, error) {
	if options != (did.Options{}) || u.Options != (did.Options{}) {
		return refused(did.ErrorInvalidDID, errVersions)
	}
	name, ok := did.ParseWebName(u.DID, h.Host, h.Network, h.Organisation)
	if !ok {
		return refused(did.ErrorNotFound, errNotPublished)
	}
	record, err := h.published(ctx, name.String())
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return refused(did.ErrorNotFound, err)
	}
	if err != nil {
		return refused(did.ErrorInternal, err)
	}
	res, err := h.DIDs.Resolve(ctx, record.ID, did.Options{})
	if err != nil {
		return res, err
	}
	res.Document, err = did.WebDocument(record, h.Host)
	if err != nil {
		return refused(did.ErrorInternal, err)
	}
	return res, nil
}

// refused is the resolution that an error of our own is told in.
func refused(name string, err error) (*did.Resolution, error) {
	res := &did.Resolution{Context: did.ContextResolution}
	res.ResolutionMetadata.Error = name
	if p, ok := errors.AsType[*ledger.Problem](err); ok {
		res.ResolutionMetadata.Message = p.Detail
	}
	return res, err
}

// optionsOf reads which version is asked for. Options of others are left alone:
// what a resolver does not know it may ignore.
func optionsOf(query string) (did.Options, error) {
	var o did.Options
	values, err := url.ParseQuery(query)
	if err != nil {
		return o, errQuery
	}
	id, at := values["versionId"], values["versionTime"]
	switch {
	case len(id)+len(at) == 0:
		return o, nil
	case len(id)+len(at) > 1:
		return o, errQuery
	case len(id) == 1 && id[0] != "":
		o.VersionID = id[0]
		return o, nil
	case len(at) == 1:
		o.VersionTime, err = time.Parse(time.RFC3339, at[0])
		if err == nil && !o.VersionTime.IsZero() {
			return o, nil
		}
	}
	return did.Options{}, errQuery
}

// statusOf is the status of a resolution. The binding names one for what cannot be
// found out, 500; when trying again may help, it is 503 here as everywhere.
func statusOf(res *did.Resolution, err error) int {
	switch res.ResolutionMetadata.Error {
	case "":
		if res.DocumentMetadata.Deactivated {
			return http.StatusGone
		}
		return http.StatusOK
	case did.ErrorInvalidDID:
		return http.StatusBadRequest
	case did.ErrorNotFound:
		return http.StatusNotFound
	case did.ErrorMethodNotSupported:
		return http.StatusNotImplemented
	}
	if code := ledger.CodeOf(err); code == ledger.CodeBusy || code == ledger.CodeUnavailable {
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// acceptsDocument returns the media type of a document for a caller who accepts
// documents and no resolutions.
func acceptsDocument(accept []string) (string, bool) {
	found := ""
	for _, one := range strings.Split(strings.Join(accept, ","), ",") {
		mediaType, _, _ := strings.Cut(one, ";")
		switch mediaType = strings.ToLower(strings.TrimSpace(mediaType)); mediaType {
		case did.TypeDIDJSON, did.TypeDIDLDJSON:
			if found == "" {
				found = mediaType
			}
		case "":
		default:
			return "", false
		}
	}
	return found, found != ""
}
