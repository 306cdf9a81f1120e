package hl7

import (
	"strings"
	"time"
)

// Alert is an alarm or another event of which a device tells somebody (IHE Devices
// Technical Framework, volume 2, section 3.4: PCD-04). Its facets stand as the
// sender writes them.
type Alert struct {
	Event        Coding     `json:"event"`
	Text         string     `json:"text,omitempty"`
	Kind         string     `json:"kind,omitempty"`         // SP physiological, ST technical, SA advisory
	Priority     string     `json:"priority,omitempty"`     // PN no, PL low, PM medium, PH high
	Phase        string     `json:"phase,omitempty"`        // start, continue, end, present, update, escalate, ...
	State        string     `json:"state,omitempty"`        // inactive, active, latched
	Inactivation string     `json:"inactivation,omitempty"` // enabled, audio-paused, alarm-off, ...
	Source       *Coding    `json:"source,omitempty"`       // the part of the device
	Time         *time.Time `json:"time,omitempty"`
	Device       string     `json:"device,omitempty"`
}

// facets say by the names of their codes what an observation of an alert is.
// Codes differ between senders where names do not.
var facets = map[string]func(*Alert, *Observation){
	"MDC_ATTR_ALERT_SOURCE": func(a *Alert, o *Observation) {
		if o.Value != nil && o.Value.Coding != nil {
			a.Source = o.Value.Coding
		}
	},
	"MDC_ATTR_EVENT_PHASE":              func(a *Alert, o *Observation) { a.Phase = word(o) },
	"MDC_ATTR_ALARM_STATE":              func(a *Alert, o *Observation) { a.State = word(o) },
	"MDC_ATTR_ALARM_INACTIVATION_STATE": func(a *Alert, o *Observation) { a.Inactivation = word(o) },
	"MDC_ATTR_ALARM_PRIORITY":           func(a *Alert, o *Observation) { a.Priority = word(o) },
}

func word(o *Observation) string {
	switch {
	case o.Value == nil:
		return ""
	case o.Value.Coding != nil:
		return o.Value.Coding.Code
	}
	return o.Value.Text
}

// Alerts reads the alerts of a message about alerts, one of each of its groups, and
// none of any other message.
func (m *Message) Alerts(p Profile) []Alert {
	event := component(m.segments[0].field(m.marks, 9), m.marks, 2)
	if event != "R40" {
		return nil
	}
	alerts := []Alert{}
	group := -1
	for _, o := range m.Observations(p) {
		if set := facets[strings.ToUpper(o.Code.Display)]; set != nil && len(alerts) > 0 {
			set(&alerts[len(alerts)-1], &o)
			continue
		}
		if o.subgroup == group { // a value that belongs to the alert
			continue
		}
		group = o.subgroup
		a := Alert{Event: o.Code, Time: o.Time, Device: o.Device}
		if o.Value != nil {
			if a.Text = o.Value.Text; o.Value.Coding != nil && o.Code.Display == "MDC_EVT_ALARM" {
				a.Event = *o.Value.Coding // what the alarm is stands in the value
			}
		}
		for _, f := range o.Flags {
			switch f {
			case "SP", "ST", "SA":
				a.Kind = f
			case "PN", "PL", "PM", "PH":
				a.Priority = f
			}
		}
		alerts = append(alerts, a)
	}
	return alerts
}
