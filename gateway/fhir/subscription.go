package fhir

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Subscriptions has others be told of resources. Problems of the address: invalid,
// denied; conflict when there are as many as there may be, or the version is another.
type Subscriptions interface {
	SubscribeResources(ctx context.Context, s *fhir.Subscription, q *fhir.Query, by, role string) (kept fhir.Subscription, secret string, err error)
	Subscription(ctx context.Context, id string) (fhir.Subscription, error)
	Subscriptions(ctx context.Context) ([]fhir.Subscription, error)
	ReplaceSubscription(ctx context.Context, s *fhir.Subscription, q *fhir.Query, match int64) (fhir.Subscription, error)
	Delete(ctx context.Context, id string) error
}

// HeaderSecret tells, once, the secret under which notifications are signed.
const HeaderSecret = "Secant-Webhook-Secret" //nolint:gosec // a name

func (a *API) subscriptionRoutes(handle func(method, path string, right auth.Right, h func(*gin.Context) error)) {
	const path = "/" + fhir.SubscriptionType
	handle(http.MethodPost, path, auth.WebhooksWrite, a.subscribe)
	handle(http.MethodGet, path, auth.WebhooksWrite, a.subscriptions)
	handle(http.MethodGet, path+"/:id", auth.WebhooksWrite, a.subscription)
	handle(http.MethodPut, path+"/:id", auth.WebhooksWrite, a.replaceSubscription)
	handle(http.MethodDelete, path+"/:id", auth.WebhooksWrite, a.unsubscribe)
}

// readSubscription reads a Subscription from the body, with what its criteria ask for.
func (a *API) readSubscription(c *gin.Context, action byte) (*fhir.Subscription, *fhir.Query, error) {
	if err := auth.Within(c.Request.Context(), fhir.SubscriptionType, action); err != nil {
		return nil, nil, err
	}
	body, err := a.body(c)
	if err != nil {
		return nil, nil, err
	}
	s, err := fhir.ParseSubscription(body)
	if err != nil {
		return nil, nil, err
	}
	q, err := a.criteria(c.Request.Context(), s.Criteria)
	return s, q, err
}

// criteria reads the search whose resources are told of. Only who may search for them
// may be told.
func (a *API) criteria(ctx context.Context, text string) (*fhir.Query, error) {
	typ, search, _ := strings.Cut(text, "?")
	if _, taken := fhir.Params[typ]; !taken {
		return nil, criteriaFault("must begin with a type of resources that are taken here: " + strings.Join(fhir.Types, ", "))
	}
	if err := mayRead(ctx, typ); err != nil {
		return nil, err
	}
	q, err := parseQuery(search)
	if err != nil {
		return nil, placedCriteria(err)
	}
	for _, p := range q.params {
		if slices.Contains(manners, p.name) {
			return nil, criteriaFault("must say only what to look for")
		}
	}
	asked, err := a.question(typ, q, false)
	if err != nil {
		return nil, placedCriteria(err)
	}
	return asked, nil
}

func criteriaFault(detail string) error {
	return ledgerFault(fhir.SubscriptionType+".criteria", detail)
}

// placedCriteria says that what is wrong with a search is wrong with criteria.
func placedCriteria(err error) error {
	if r, ok := errors.AsType[*refused](err); ok {
		return criteriaFault(r.detail)
	}
	return err
}

func placedEndpoint(err error) error {
	if p, ok := errors.AsType[*ledger.Problem](err); ok && len(p.Faults) > 0 {
		return err // it says itself what is wrong
	}
	if code := ledger.CodeOf(err); code == ledger.CodeInvalid || code == ledger.CodeDenied {
		return ledgerFault(fhir.SubscriptionType+".channel.endpoint", "must be an https address without user and fragment that is public or may be reached from here")
	}
	return err
}

// subscribe takes a subscription (FHIR R4, section 2.46).
func (a *API) subscribe(c *gin.Context) error {
	s, q, err := a.readSubscription(c, 'c')
	if err != nil {
		return err
	}
	if s.Status != fhir.StatusRequested {
		return ledgerFault(fhir.SubscriptionType+".status", "must be requested: the server says what it is")
	}
	caller := auth.CallerOf(c.Request.Context())
	kept, secret, err := a.Subscriptions.SubscribeResources(c.Request.Context(), s, q, caller.Subject, string(caller.Role))
	if err != nil {
		return placedEndpoint(err)
	}
	c.Header(HeaderSecret, secret)
	c.Header("Cache-Control", "no-store")
	c.Header("Location", a.base(c.Request)+"/"+fhir.SubscriptionType+"/"+kept.ID)
	return answerSubscription(c, http.StatusCreated, kept)
}

func answerSubscription(c *gin.Context, status int, s fhir.Subscription) error {
	shown := s.Hide()
	body, err := shown.Encode()
	if err != nil {
		return err
	}
	c.Header("ETag", `W/"`+strconv.FormatInt(s.Version, 10)+`"`)
	c.Data(status, MediaType, body)
	return nil
}

func (a *API) subscription(c *gin.Context) error {
	if err := auth.Within(c.Request.Context(), fhir.SubscriptionType, 'r'); err != nil {
		return err
	}
	if err := acceptable(c.Request, c.Request.URL.Query()); err != nil {
		return err
	}
	s, err := a.Subscriptions.Subscription(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	return answerSubscription(c, http.StatusOK, s)
}

// replaceSubscription changes a subscription, ends it by off, or begins it again by
// requested. None is made by it.
func (a *API) replaceSubscription(c *gin.Context) error {
	s, q, err := a.readSubscription(c, 'u')
	if err != nil {
		return err
	}
	if s.ID != c.Param("id") {
		return ledgerFault(fhir.SubscriptionType+".id", "must be the id in the address")
	}
	if s.Status == fhir.StatusError {
		return ledgerFault(fhir.SubscriptionType+".status", "must be requested, active or off: error is for the server to say")
	}
	match, err := matchOf(c.GetHeader("If-Match"))
	if err != nil {
		return err
	}
	kept, err := a.Subscriptions.ReplaceSubscription(c.Request.Context(), s, q, match)
	if match != 0 && ledger.CodeOf(err) == ledger.CodeConflict {
		return precondition("the current version is another than the one that must be", "")
	}
	if err != nil {
		return placedEndpoint(err)
	}
	return answerSubscription(c, http.StatusOK, kept)
}

func (a *API) unsubscribe(c *gin.Context) error {
	ctx := c.Request.Context()
	if err := auth.Within(ctx, fhir.SubscriptionType, 'u'); err != nil { // deleting is nothing that scopes grant, and is no more than off
		return err
	}
	if _, err := a.Subscriptions.Subscription(ctx, c.Param("id")); err != nil {
		return err
	}
	if err := a.Subscriptions.Delete(ctx, c.Param("id")); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
	return nil
}

// subscriptions answers with those of a status or an id, or with all: there are few.
func (a *API) subscriptions(c *gin.Context) error {
	ctx := c.Request.Context()
	if err := auth.Within(ctx, fhir.SubscriptionType, 's'); err != nil {
		return err
	}
	q, err := parseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return err
	}
	if err := acceptable(c.Request, q.values()); err != nil {
		return err
	}
	if err := q.only("status", "_id", "_format", "_pretty"); err != nil {
		return err
	}
	all, err := a.Subscriptions.Subscriptions(ctx)
	if err != nil {
		return err
	}
	for _, p := range q.params {
		some := split(p.value, ',')
		switch p.name {
		case "status":
			all = slices.DeleteFunc(all, func(s fhir.Subscription) bool { return !slices.Contains(some, s.Status) })
		case "_id":
			all = slices.DeleteFunc(all, func(s fhir.Subscription) bool { return !slices.Contains(some, s.ID) })
		}
	}
	base := a.base(c.Request)
	var b bytes.Buffer
	b.WriteString(`{"resourceType":"Bundle","id":` + quote(newID()) + `,"type":"searchset","total":` + strconv.Itoa(len(all)) +
		`,"link":[{"relation":"self","url":` + quote(base+"/"+fhir.SubscriptionType+q.encode("")) + `}]`)
	for i := range all {
		shown := all[i].Hide()
		body, err := shown.Encode()
		if err != nil {
			return err
		}
		b.WriteString([]string{`,"entry":[`, `,`}[min(i, 1)] + `{"fullUrl":` + quote(base+"/"+fhir.SubscriptionType+"/"+shown.ID) + `,"resource":`)
		b.Write(body)
		b.WriteString(`,"search":{"mode":"match"}}`)
	}
	if len(all) > 0 {
		b.WriteByte(']')
	}
	b.WriteByte('}')
	c.Data(http.StatusOK, MediaType, b.Bytes())
	return nil
}

// subscriptionCapability is what the CapabilityStatement says of subscriptions.
func subscriptionCapability() object {
	return object{
		"type": fhir.SubscriptionType, "versioning": "versioned-update", "readHistory": false, "updateCreate": false,
		"interaction": []object{{"code": "read"}, {"code": "create"}, {"code": "update"}, {"code": "delete"}, {"code": "search-type"}},
		"searchParam": []object{{"name": "_id", "type": "token"}, {"name": "status", "type": "token"}},
		"documentation": "By rest-hook, whenever a resource is created or updated that fits the criteria, a search of one of the types here. With the payload " + fhir.PayloadJSON +
			" the resource is PUT at [endpoint]/[type]/[id], and else the endpoint gets an empty POST; in order, at least once, signed by the Standard Webhooks scheme under the secret that the answer to the create tells (" + HeaderSecret + ").",
	}
}
