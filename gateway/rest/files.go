package rest

import (
	"bytes"
	"io"
	"math"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/edf"
	"github.com/secant-platform/secant/analytics/hl7"
	"github.com/secant-platform/secant/analytics/sdc"
	"github.com/secant-platform/secant/analytics/wfdb"
)

// filesText says which files are taken as readings.
const filesText = "A file is one record, of at most 8 MiB, also when it was compressed on its way, and is read to its end before it is taken. Where nobody signs, the same file of a device is one request, however often it is sent. " +
	typeEDF + " is a recording in EDF, EDF+ or BDF; " + typeWFDB + " is one WFDB record, a ZIP archive of its header, the files of samples that this names and its annotations, " +
	"whose checksums must fit; " + typeMDIB + " is a snapshot of a device that speaks SDC (GetMdibResponse or Mdib, ISO/IEEE 11073-10207)."

// Recording is what is in a file with signals. The samples stay there.
type Recording struct {
	Form          string       `json:"form" doc:"EDF, EDF+C, EDF+D, BDF, BDF+C, BDF+D or WFDB."`
	Start         string       `json:"start,omitempty" doc:"By the clock where it was made, whose zone no file states: without one. Absent when the file does not say."`
	Duration      float64      `json:"duration" doc:"Seconds, interruptions included."`
	Interruptions int          `json:"interruptions" doc:"Times at which it stopped and went on (EDF+D), or gaps between segments (WFDB)."`
	Equipment     string       `json:"equipment,omitempty" doc:"As the file names it (EDF+)."`
	Annotations   []Annotated  `json:"annotations" doc:"How many there are; their texts stay in the file."`
	Signals       []WaveSignal `json:"signals"`
}

// Annotated is what is told of the annotations of one source.
type Annotated struct {
	Annotator string         `json:"annotator,omitempty" doc:"Of WFDB: the ending of the file, as in atr."`
	Count     int64          `json:"count"`
	Codes     map[string]int `json:"codes,omitempty" doc:"Of WFDB: how many there are of each code, as in N and V."`
}

// WaveSignal is what is told of a signal.
type WaveSignal struct {
	Label   string   `json:"label"`
	Unit    string   `json:"unit" doc:"Of min and max."`
	Rate    float64  `json:"rate" doc:"Samples a second."`
	Samples int64    `json:"samples"`
	Missing int64    `json:"missing" doc:"Of the samples, those for which the recorder had no value (WFDB)."`
	Outside int64    `json:"outside" doc:"Of the samples, those outside the range that the header states (EDF)."`
	Min     *float64 `json:"min,omitempty" doc:"Absent when there is no value."`
	Max     *float64 `json:"max,omitempty"`
}

// Snapshot is what a device that speaks SDC says of itself.
type Snapshot struct {
	SequenceID string      `json:"sequenceId"`
	InstanceID *uint64     `json:"instanceId,omitempty"`
	Version    uint64      `json:"version" doc:"MdibVersion."`
	Components []Component `json:"components" doc:"The device, its modules and their channels."`
	Arrays     []Array     `json:"arrays" doc:"Metrics that are arrays of samples. The samples stay in the snapshot."`
	Conditions int         `json:"conditions" doc:"Alert conditions that the device knows. Those that are present are the alerts."`
	Operations int         `json:"operations" doc:"That the device can be asked to do."`
	Barred     int         `json:"barred" doc:"Parts of which nothing is said, because they carry an extension that must be understood and is not."`
}

// Component is a device, a module or a channel.
type Component struct {
	Kind       string    `json:"kind" enum:"Mds,Vmd,Channel"`
	Handle     string    `json:"handle"`
	Parent     string    `json:"parent,omitempty" doc:"Handle."`
	Type       *sdc.Code `json:"type,omitempty"`
	Activation string    `json:"activation,omitempty" doc:"As On, NotRdy or Fail."`
}

// Array is a metric that is an array of samples.
type Array struct {
	Type     *sdc.Code  `json:"type"`
	Unit     *sdc.Code  `json:"unit"`
	Path     string     `json:"path" doc:"Handles from the device to the metric, with slashes between them."`
	Samples  int        `json:"samples"`
	Min      *float64   `json:"min,omitempty"`
	Max      *float64   `json:"max,omitempty"`
	Validity string     `json:"validity,omitempty" doc:"As Vld, Qst or Inv."`
	Time     *time.Time `json:"time,omitempty" doc:"By the device's clock."`
}

// files are the readers of records that are files, by their media types.
var files = map[string]func(v *Message, record []byte) error{typeEDF: readEDF, typeWFDB: readWFDB, typeMDIB: readMDIB}

// localTime is a time without a zone.
const localTime = "2006-01-02T15:04:05.999999999"

// finite is a number that JSON has, or nothing.
func finite(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

func readEDF(v *Message, record []byte) error { return readRecording(v, bytes.NewReader(record)) }

func readRecording(v *Message, file io.Reader) error {
	r, err := edf.Read(file)
	if err != nil {
		return err //nolint:wrapcheck // a problem is passed on as it is
	}
	v.Recording = &Recording{
		Form: string(r.Form), Start: r.Start.Format(localTime), Duration: r.Duration.Seconds(), Interruptions: r.Interruptions, Equipment: r.Equipment,
		Annotations: []Annotated{}, Signals: []WaveSignal{},
	}
	if r.Annotations > 0 {
		v.Recording.Annotations = append(v.Recording.Annotations, Annotated{Count: r.Annotations})
	}
	for _, s := range r.Signals {
		v.Recording.Signals = append(v.Recording.Signals, WaveSignal{
			Label: s.Label, Unit: s.Unit, Rate: s.Rate, Samples: s.Samples, Outside: s.Outside, Min: finite(s.Min), Max: finite(s.Max),
		})
	}
	return nil
}

// maxUnpacked bounds what an archive holds when it is read again, in bytes. What it held
// when it was taken was bounded more tightly.
const maxUnpacked = 256 << 20

func readWFDB(v *Message, record []byte) error {
	r, err := wfdb.ReadArchive(record, maxUnpacked)
	if err != nil {
		return err //nolint:wrapcheck // a problem is passed on as it is
	}
	v.Recording = &Recording{
		Form: "WFDB", Duration: r.Duration().Seconds(), Interruptions: r.Gaps, Annotations: []Annotated{}, Signals: []WaveSignal{},
	}
	if !r.Start.IsZero() {
		v.Recording.Start = r.Start.Format(localTime)
	}
	for _, a := range r.Annotations {
		v.Recording.Annotations = append(v.Recording.Annotations, Annotated{Annotator: a.Annotator, Count: a.Count, Codes: a.Codes})
	}
	for _, s := range r.Signals {
		v.Recording.Signals = append(v.Recording.Signals, WaveSignal{
			Label: s.Label, Unit: s.Unit, Rate: s.Rate, Samples: s.Samples, Missing: s.Missing, Min: finite(s.Min), Max: finite(s.Max),
		})
	}
	return nil
}

func readMDIB(v *Message, record []byte) error {
	m, err := sdc.Parse(record)
	if err != nil {
		return err //nolint:wrapcheck // a problem is passed on as it is
	}
	v.Snapshot = &Snapshot{
		SequenceID: m.SequenceID, InstanceID: m.InstanceID, Version: m.Version, Components: []Component{}, Arrays: []Array{},
		Conditions: len(m.Conditions), Operations: m.Operations, Barred: m.Barred,
	}
	for _, c := range m.Components {
		v.Snapshot.Components = append(v.Snapshot.Components, Component(c))
	}
	for i := range m.Metrics {
		if p := &m.Metrics[i]; strings.HasSuffix(p.Kind, "SampleArrayMetric") {
			v.Snapshot.Arrays = append(v.Snapshot.Arrays, arrayOf(p))
		} else {
			v.Observations = append(v.Observations, observationOf(p))
		}
	}
	for i := range m.Conditions {
		if c := &m.Conditions[i]; c.Present {
			v.Alerts = append(v.Alerts, alertOf(c))
		}
	}
	return nil
}

func pathOf(m *sdc.Metric) string { return strings.Join(append(m.Path, m.Handle), "/") }

// moment is a time, or nothing.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func codingOf(c *sdc.Code) hl7.Coding {
	if c == nil {
		return hl7.Coding{}
	}
	return hl7.Coding{Code: c.Code, Display: c.Name, System: c.System}
}

func arrayOf(m *sdc.Metric) Array {
	a := Array{Type: m.Type, Unit: m.Unit, Path: pathOf(m)}
	if m.Value != nil {
		a.Samples, a.Validity, a.Time = m.Value.Samples, m.Value.Validity, moment(m.Value.At)
		if a.Samples > 0 {
			a.Min, a.Max = finite(m.Value.Min), finite(m.Value.Max)
		}
	}
	return a
}

// observationOf is a metric as an observation. A value that the device calls invalid or
// not available is none.
func observationOf(m *sdc.Metric) hl7.Observation {
	unit := codingOf(m.Unit)
	o := hl7.Observation{Code: codingOf(m.Type), Channel: pathOf(m), Unit: &unit, Absent: hl7.AbsentUnknown}
	if m.Value == nil {
		return o
	}
	o.Status, o.Time = m.Value.Validity, moment(m.Value.At)
	switch {
	case m.Value.Text == "" || m.Value.Validity == "Inv" || m.Value.Validity == "NA":
		return o
	case m.Kind == "NumericMetric":
		o.Value = &hl7.Value{Number: m.Value.Text}
	default:
		o.Value = &hl7.Value{Text: m.Value.Text}
	}
	o.Absent = ""
	return o
}

// alertOf is a condition that is present as an alert, in the words of PCD-04.
func alertOf(c *sdc.Condition) hl7.Alert {
	a := hl7.Alert{Event: codingOf(c.Type), Phase: "present", State: "active", Time: moment(c.At)}
	a.Kind = map[string]string{"Phy": "SP", "Tec": "ST", "Oth": "SA"}[c.Kind]
	a.Priority = map[string]string{"None": "PN", "Lo": "PL", "Me": "PM", "Hi": "PH"}[c.Priority]
	if len(c.Sources) > 0 {
		a.Source = &hl7.Coding{Code: c.Sources[0], Display: strings.Join(c.Sources, ", ")}
	}
	return a
}
