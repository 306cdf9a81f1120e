package fact

import (
	"encoding/json"
	"time"
)

// The faces of webhooks: what whoever subscribes is told of.
const (
	WebhookEvents = "events" // events of the node's stream
	WebhookFHIR   = "fhir"   // FHIR resources that are created or changed
)

// The states of a webhook.
const (
	WebhookRequested = "requested" // kept, and not yet worked on
	WebhookActive    = "active"
	WebhookDisabled  = "disabled" // by the node: Reason says why
	WebhookOff       = "off"      // by whoever subscribed, or since its time is over
)

// Webhook is a subscription to what a node tells by itself.
type Webhook struct {
	ID      string
	Face    string // WebhookEvents or WebhookFHIR
	State   string
	Reason  string // why it is disabled; a sentence without anything that a receiver said
	Doc     WebhookDoc
	Sealed  []byte // where to and under which secrets; only the deliverer opens it
	Created time.Time
	End     time.Time // when it ends by itself; zero: it does not
	Version int64     // counts the changes of what was asked for, from 1

	// Of WebhookFHIR.
	Resource string // type of the resources
	Criteria []byte // fhir.Query as JSON, with what it looks for blinded

	WebhookProgress
}

// WebhookDoc is what a subscription says in clear.
type WebhookDoc struct {
	Name    string   `json:"name,omitempty"`
	Kinds   []string `json:"kinds,omitempty"` // of events
	Unit    string   `json:"unit,omitempty"`  // only events that concern this unit
	DI      string   `json:"di,omitempty"`    // only events that concern this model or a unit of it
	Bundles bool     `json:"bundles,omitempty"`
	By      string   `json:"by"` // subject of who subscribed
	Role    string   `json:"role"`
}

// WebhookProgress is how delivering goes.
type WebhookProgress struct {
	Delivered time.Time // when a message was last taken; zero: never
	Count     int64     // messages that were taken
	Waiting   int64     // messages that were not yet
	Failures  int       // in a row
	Failing   time.Time // since when; zero: it does not
	Next      time.Time // when the next try is due; zero: at once
	Fault     string    // of the last failure
}

// WebhookMessage is something that waits to be delivered.
type WebhookMessage struct {
	Seq  int64 // in the order in which they are delivered; never given out twice
	Kind string
	Doc  json.RawMessage
	Sent uint64 // how far into it delivering has come; its kind says what that means
}

// Queued is a message for a webhook.
type Queued struct {
	Webhook string
	Kind    string
	Doc     json.RawMessage
}

// The kinds of event that only webhooks are told.
const (
	// EventReadingsProven tells which requests of readings an anchor covers that the
	// ledger holds now. In the stream of events anchor.committed says it.
	EventReadingsProven = "readings.proven"
	// EventEventsMissed tells that some events were not kept for the webhook.
	EventEventsMissed = "events.missed"
	// EventWebhookTest is sent when somebody asks for it.
	EventWebhookTest = "webhook.test"
)

// EventWebhookDisabled is the kind of event for a webhook that the node disabled.
const EventWebhookDisabled = "webhook.disabled"

// MessageResource is the kind of a message about a FHIR resource; its Doc is a
// WebhookResource.
const MessageResource = "fhir.resource"

// WebhookResource names the version of a resource that a message is about.
type WebhookResource struct {
	Type   string `json:"type"`
	ID     string `json:"id"`
	Number int64  `json:"version"`
}

// WebhookProven names what an anchor newly covers: the entries of the log from From
// to before Size.
type WebhookProven struct {
	Stream   string    `json:"stream"`
	Sequence uint64    `json:"sequence"`
	From     uint64    `json:"from"`
	Size     uint64    `json:"size"`
	Tx       string    `json:"tx"`
	Time     time.Time `json:"time"`
}

// WebhookView is a webhook as it is shown.
type WebhookView struct {
	Webhook
	Origin string    // of the address
	Until  time.Time // when the secret before the last one no longer signs; zero: there is none
}

// WebhookTest is what came of a message that was sent to try a webhook.
type WebhookTest struct {
	Message string // its id
	Taken   bool
	Status  int    // of HTTP; 0: there was no answer
	Fault   string // when it was not taken
}
