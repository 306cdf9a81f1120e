package rest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Webhooks are what others subscribed to.
type Webhooks interface {
	SubscribeEvents(ctx context.Context, address string, doc fact.WebhookDoc) (w fact.WebhookView, secret string, err error)
	Show(ctx context.Context, id string) (fact.WebhookView, error)
	List(ctx context.Context) ([]fact.WebhookView, error)
	Delete(ctx context.Context, id string) error
	Enable(ctx context.Context, id string) (fact.WebhookView, error)
	Rotate(ctx context.Context, id string, overlap time.Duration) (secret string, until time.Time, err error)
	Test(ctx context.Context, id string) (fact.WebhookTest, error)
	PublicKey() string
}

// NewWebhook is what somebody subscribes to.
type NewWebhook struct {
	URL     string   `json:"url" maxLength:"2048" doc:"Where messages go: an https address without user and fragment. It must be public, or among those that the node's operator lists. Only its origin is shown later." example:"https://cmms.hospital-north.example/hooks/secant"`
	Name    string   `json:"name,omitempty" doc:"To tell webhooks apart; at most 200 printable characters."`
	Kinds   []string `json:"kinds" minItems:"1" maxItems:"100" doc:"Kinds of event, as in the stream of events; or readings.proven, which names the requests that an anchor on the ledger newly covers."`
	Unit    string   `json:"unit,omitempty" pattern:"^[0-9a-f]{64}$" patternDescription:"64 lower-case hexadecimal digits" doc:"Only what concerns this unit."`
	DI      string   `json:"di,omitempty" maxLength:"64" doc:"Only what concerns this model (UDI-DI) or a unit of it."`
	Bundles bool     `json:"bundles,omitempty" doc:"With readings.proven: the proof bundle of each request of one record, up to 256 KiB in a message. For requests of several records the message says where the proofs are."`
}

// Webhook is a subscription and how it goes.
type Webhook struct {
	ID        string    `json:"id"`
	Face      string    `json:"face" enum:"events,fhir" doc:"Fhir: it is the FHIR Subscription of this id."`
	Origin    string    `json:"origin" doc:"Scheme, host and port of the address."`
	Name      string    `json:"name"`
	Kinds     []string  `json:"kinds"`
	Unit      string    `json:"unit,omitempty"`
	DI        string    `json:"di,omitempty"`
	Bundles   bool      `json:"bundles"`
	State     string    `json:"state" enum:"requested,active,disabled,off" doc:"Disabled: by the node, which says why."`
	Reason    string    `json:"reason,omitempty"`
	Created   time.Time `json:"created"`
	By        string    `json:"by" doc:"Subject of whoever subscribed."`
	Role      string    `json:"role"`
	Delivered time.Time `json:"delivered,omitzero" doc:"When the receiver last took a message."`
	Count     int64     `json:"count" doc:"Messages that the receiver took."`
	Waiting   int64     `json:"waiting" doc:"Messages that wait; more than 10,000 disable the webhook."`
	Failures  int       `json:"failures" doc:"Tries in a row that failed."`
	Failing   time.Time `json:"failing,omitzero" doc:"Since when."`
	NextTry   time.Time `json:"nextTry,omitzero"`
	Fault     string    `json:"fault,omitempty" doc:"Of the last failure."`
	Overlap   time.Time `json:"overlap,omitzero" doc:"Until when the secret before the last one signs too."`
	PublicKey string    `json:"publicKey" doc:"The node's key (whpk_), under which messages are signed besides the secret (v1a)."`
}

// WebhookWithSecret is a webhook that was just made.
type WebhookWithSecret struct {
	Webhook
	Secret string `json:"secret" doc:"Under which messages are signed (whsec_). It is told this once."`
}

// NewSecret is a webhook's next secret.
type NewSecret struct {
	Secret string    `json:"secret" doc:"Under which messages are signed from now on (whsec_). It is told this once."`
	Until  time.Time `json:"until" doc:"Until when messages are signed under the secret before it as well."`
}

// RotateSecret asks for a webhook's next secret.
type RotateSecret struct {
	Overlap *int `json:"overlapMinutes,omitempty" minimum:"0" maximum:"43200" doc:"For how long the secret before it signs too; absent: 1440, a day."`
}

const defaultOverlap = 24 * time.Hour

// TestedWebhook is what came of a message that was sent to try a webhook.
type TestedWebhook struct {
	Message string `json:"message" doc:"Its webhook-id."`
	Taken   bool   `json:"taken"`
	Status  int    `json:"status,omitempty" doc:"Of the receiver's answer; absent: there was none."`
	Fault   string `json:"fault,omitempty"`
}

// PathWebhook names a webhook in the path.
type PathWebhook struct {
	ID string `path:"id" pattern:"^[0-9a-f]{32}$" patternDescription:"32 lower-case hexadecimal digits" doc:"The webhook's id."`
}

type newWebhook struct{ Body NewWebhook }

type rotateSecret struct {
	PathWebhook
	Body RotateSecret
}

type created[T any] struct {
	Location string `header:"Location"`
	Body     T
}

func (a *API) viewWebhook(w *fact.WebhookView) Webhook {
	return Webhook{
		ID: w.ID, Face: w.Face, Origin: w.Origin, Name: w.Doc.Name, Kinds: slices.Concat([]string{}, w.Doc.Kinds), Unit: w.Doc.Unit, DI: w.Doc.DI, Bundles: w.Doc.Bundles,
		State: w.State, Reason: w.Reason, Created: w.Created, By: w.Doc.By, Role: w.Doc.Role,
		Delivered: w.Delivered, Count: w.Count, Waiting: w.Waiting, Failures: w.Failures, Failing: w.Failing, NextTry: w.Next, Fault: w.Fault,
		Overlap: w.Until, PublicKey: a.Webhooks.PublicKey(),
	}
}

func (a *API) webhookRoutes() {
	const path = "/v1/webhooks"
	tags := []string{"webhooks"}
	register(a.api, auth.WebhooksWrite, huma.Operation{
		OperationID: "create-webhook", Method: http.MethodPost, Path: path, Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Have events sent to an address",
		Description: "Messages are POSTed as JSON (type, timestamp, data), one at a time and in order, each at least once and always with the same webhook-id, and signed by the Standard Webhooks scheme: v1 under the secret, v1a under the node's key. " +
			"An answer of 2xx within 15 seconds takes a message; redirects are not followed. What fails is tried again after 1 second up to 10 minutes, or when Retry-After says; after three days, or an answer of 410, the webhook is disabled, which is an event. " +
			"A message events.missed says that some were not kept for it.",
	}, a.createWebhook)
	register(a.api, auth.WebhooksWrite, huma.Operation{
		OperationID: "list-webhooks", Method: http.MethodGet, Path: path, Tags: tags,
		Summary: "All webhooks of the node, the oldest first",
	}, func(ctx context.Context, _ *struct{}) (*body[Items[Webhook]], error) {
		all, err := a.Webhooks.List(ctx)
		if err != nil {
			return nil, doing("listing webhooks", err)
		}
		items := make([]Webhook, len(all))
		for i := range all {
			items[i] = a.viewWebhook(&all[i])
		}
		return &body[Items[Webhook]]{Items[Webhook]{items}}, nil
	})
	register(a.api, auth.WebhooksWrite, huma.Operation{
		OperationID: "get-webhook", Method: http.MethodGet, Path: path + "/{id}", Tags: tags,
		Summary: "A webhook, and how delivering goes",
	}, func(ctx context.Context, in *PathWebhook) (*body[Webhook], error) {
		w, err := a.Webhooks.Show(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &body[Webhook]{a.viewWebhook(&w)}, nil
	})
	register(a.api, auth.WebhooksWrite, huma.Operation{
		OperationID: "delete-webhook", Method: http.MethodDelete, Path: path + "/{id}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Forget a webhook, with what waits for it",
	}, func(ctx context.Context, in *PathWebhook) (*struct{}, error) {
		return nil, a.Webhooks.Delete(ctx, in.ID)
	})
	register(a.api, auth.WebhooksWrite, huma.Operation{
		OperationID: "enable-webhook", Method: http.MethodPost, Path: path + "/{id}/enable", Tags: tags, DefaultStatus: http.StatusOK,
		Summary:     "Have a webhook be at work again, or tried at once",
		Description: "What waited comes first, and of what happened while it was disabled a message events.missed.",
	}, func(ctx context.Context, in *PathWebhook) (*body[Webhook], error) {
		w, err := a.Webhooks.Enable(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &body[Webhook]{a.viewWebhook(&w)}, nil
	})
	register(a.api, auth.WebhooksWrite, huma.Operation{
		OperationID: "test-webhook", Method: http.MethodPost, Path: path + "/{id}/test", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Send a webhook a message webhook.test now",
	}, func(ctx context.Context, in *PathWebhook) (*body[TestedWebhook], error) {
		t, err := a.Webhooks.Test(ctx, in.ID)
		return &body[TestedWebhook]{TestedWebhook(t)}, err
	})
	register(a.api, auth.WebhooksWrite, huma.Operation{
		OperationID: "rotate-webhook-secret", Method: http.MethodPost, Path: path + "/{id}/secret", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Give a webhook a new secret",
	}, func(ctx context.Context, in *rotateSecret) (*body[NewSecret], error) {
		overlap := defaultOverlap
		if in.Body.Overlap != nil { // zero is no default: a secret that is known to others ends at once
			overlap = time.Duration(*in.Body.Overlap) * time.Minute
		}
		secret, until, err := a.Webhooks.Rotate(ctx, in.ID, overlap)
		return &body[NewSecret]{NewSecret{secret, until}}, err
	})
}

func (a *API) createWebhook(ctx context.Context, in *newWebhook) (*created[WebhookWithSecret], error) {
	var faults []ledger.Fault
	if in.Body.Name != "" {
		faults = textFaults("name", in.Body.Name)
	}
	for i, k := range in.Body.Kinds {
		at := fmt.Sprintf("kinds[%d]", i)
		switch {
		case !slices.Contains(fact.Kinds, k) && k != fact.EventReadingsProven:
			faults = append(faults, ledger.Fault{Field: at, Detail: "must be readings.proven or a kind of event: " + strings.Join(fact.Kinds, ", ")})
		case slices.Contains(in.Body.Kinds[:i], k):
			faults = append(faults, ledger.Fault{Field: at, Detail: "stands twice"})
		}
	}
	if in.Body.Bundles && !slices.Contains(in.Body.Kinds, fact.EventReadingsProven) {
		faults = append(faults, ledger.Fault{Field: "bundles", Detail: "is for readings.proven"})
	}
	if len(faults) > 0 {
		return nil, placed(invalid(faults...))
	}
	caller := auth.CallerOf(ctx)
	w, secret, err := a.Webhooks.SubscribeEvents(ctx, in.Body.URL, fact.WebhookDoc{
		Name: in.Body.Name, Kinds: in.Body.Kinds, Unit: in.Body.Unit, DI: in.Body.DI, Bundles: in.Body.Bundles, By: caller.Subject, Role: string(caller.Role),
	})
	if code := ledger.CodeOf(err); code == ledger.CodeInvalid || code == ledger.CodeDenied {
		return nil, placed(invalid(ledger.Fault{Field: "url", Detail: "must be an https address without user and fragment, of at most 2048 bytes, that is public or may be reached from here"}))
	}
	if err != nil {
		return nil, err
	}
	return &created[WebhookWithSecret]{"/v1/webhooks/" + w.ID, WebhookWithSecret{a.viewWebhook(&w), secret}}, nil
}
