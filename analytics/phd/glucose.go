package phd

var glucoseBits = inOrder("device-battery-low", "sensor-malfunction", "sensor-sample-size-insufficient", "sensor-strip-insertion", "sensor-strip-type-incorrect",
	"sensor-result-too-high", "sensor-result-too-low", "sensor-temp-too-high", "sensor-temp-too-low", "sensor-read-interrupt", "device-gen-fault")

// sample is what of a person is measured, or of nobody.
type sample struct {
	code            Coding
	text            string
	mass, substance string // LOINC, by mg/dL and by mmol/L
}

// samples are the types of a glucose measurement (Glucose Service 3.1.1.5).
var samples = map[int]sample{
	1:  {mdc("160184", "MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD"), "Glucose in capillary whole blood", "41653-7", "14743-9"},
	2:  {mdc("160188", "MDC_CONC_GLU_CAPILLARY_PLASMA"), "Glucose in capillary plasma", "2345-7", "14749-6"},
	3:  {mdc("160192", "MDC_CONC_GLU_VENOUS_WHOLEBLOOD"), "Glucose in venous whole blood", "2339-0", "15074-8"},
	4:  {mdc("160196", "MDC_CONC_GLU_VENOUS_PLASMA"), "Glucose in venous plasma", "2345-7", "14749-6"},
	5:  {mdc("160200", "MDC_CONC_GLU_ARTERIAL_WHOLEBLOOD"), "Glucose in arterial whole blood", "2339-0", "15074-8"},
	6:  {mdc("160204", "MDC_CONC_GLU_ARTERIAL_PLASMA"), "Glucose in arterial plasma", "2345-7", "14749-6"},
	7:  {mdc("160364", "MDC_CONC_GLU_UNDETERMINED_WHOLEBLOOD"), "Glucose in whole blood", "2339-0", "15074-8"},
	8:  {mdc("160368", "MDC_CONC_GLU_UNDETERMINED_PLASMA"), "Glucose in plasma", "2345-7", "14749-6"},
	9:  {mdc("160212", "MDC_CONC_GLU_ISF"), "Glucose in interstitial fluid", "99504-3", "105272-9"},
	10: {mdc("160208", "MDC_CONC_GLU_CONTROL"), "Glucose in a control solution", "", ""},
}

const control = 10

var locations = map[int]Coding{
	1: mdc("8417848", "MDC_CTXT_GLU_SAMPLELOCATION_FINGER"), 2: mdc("8417852", "MDC_CTXT_GLU_SAMPLELOCATION_AST"),
	3: mdc("8417856", "MDC_CTXT_GLU_SAMPLELOCATION_EARLOBE"), 4: mdc("8417860", "MDC_CTXT_GLU_SAMPLELOCATION_CTRLSOLUTION"),
}

// glucose reads a Glucose Measurement (0x2A18, Glucose Service 3.1).
func glucose(r *reader) reading {
	flags, sequence := r.u8(), r.u16()
	got := reading{sequence: &sequence}
	got.stamped(r, true)
	if flags&0x01 != 0 {
		got.shifted(r.u16())
	}
	if flags&0x02 != 0 {
		value, unit := r.sfloat().times(5), "mg/dL" // of kg/L
		if flags&0x04 != 0 {
			value, unit = value.times(-2), "mmol/L" // of mol/L
		}
		kind := r.u8()
		s, known := samples[kind&0x0f]
		m := numeric(concept("Glucose, of a sample that the device does not name"), false, quantity(value, unit))
		if known {
			codes := []Coding{s.code}
			if c := s.mass; c != "" {
				if unit == "mmol/L" {
					c = s.substance
				}
				codes = append(codes, loinc(c))
			}
			m.code = concept(s.text, codes...)
		}
		m.beyond = kind&0x0f == control || kind>>4 == 4
		if where, known := locations[kind>>4]; known {
			m.parts = []Component{{Code: concept("Sample location", mdc("8417844", "MDC_CTXT_GLU_SAMPLELOCATION")), Value: coded(where)}}
		}
		got.measured = append(got.measured, m)
	}
	if flags&0x08 != 0 {
		said := r.u16()
		got.doubtful = said>>11&1 != 0
		if m := bits("8417752", "MDC_GLU_METER_DEV_STATUS", said&^(1<<11), glucoseBits); m != nil {
			got.measured = append(got.measured, *m)
		}
	}
	return got
}

// shifted takes a time offset in minutes: its two extremes say that it is beyond what
// can be said.
func (g *reading) shifted(raw int) {
	g.offset = int(int16(raw)) //nolint:gosec // 16 bits, in two's complement
	g.lost = raw == 0x7fff || raw == 0x8000
}

// The words of a glucose measurement's context (Glucose Service 3.2).
var (
	carbohydrates = map[int]Coding{
		1: mdc("8417768", "MDC_CTXT_GLU_CARB_BREAKFAST"), 2: mdc("8417772", "MDC_CTXT_GLU_CARB_LUNCH"), 3: mdc("8417776", "MDC_CTXT_GLU_CARB_DINNER"),
		4: mdc("8417780", "MDC_CTXT_GLU_CARB_SNACK"), 5: mdc("8417784", "MDC_CTXT_GLU_CARB_DRINK"), 6: mdc("8417788", "MDC_CTXT_GLU_CARB_SUPPER"),
		7: mdc("8417792", "MDC_CTXT_GLU_CARB_BRUNCH"),
	}
	meals = map[int]Coding{
		1: mdc("8417868", "MDC_CTXT_GLU_MEAL_PREPRANDIAL"), 2: mdc("8417872", "MDC_CTXT_GLU_MEAL_POSTPRANDIAL"), 3: mdc("8417876", "MDC_CTXT_GLU_MEAL_FASTING"),
		4: mdc("8417880", "MDC_CTXT_GLU_MEAL_CASUAL"), 5: mdc("8417869", "MDC_CTXT_GLU_MEAL_BEDTIME"),
	}
	testers = map[int]Coding{
		1: mdc("8417888", "MDC_CTXT_GLU_TESTER_SELF"), 2: mdc("8417892", "MDC_CTXT_GLU_TESTER_HCP"), 3: mdc("8417896", "MDC_CTXT_GLU_TESTER_LAB"),
	}
	healths = map[int]Coding{
		1: mdc("8417824", "MDC_CTXT_GLU_HEALTH_MINOR"), 2: mdc("8417828", "MDC_CTXT_GLU_HEALTH_MAJOR"), 3: mdc("8417832", "MDC_CTXT_GLU_HEALTH_MENSES"),
		4: mdc("8417836", "MDC_CTXT_GLU_HEALTH_STRESS"), 5: mdc("8417840", "MDC_CTXT_GLU_HEALTH_NONE"),
	}
	medications = map[int]Coding{
		1: mdc("8417800", "MDC_CTXT_MEDICATION_RAPIDACTING"), 2: mdc("8417804", "MDC_CTXT_MEDICATION_SHORTACTING"),
		3: mdc("8417808", "MDC_CTXT_MEDICATION_INTERMEDIATEACTING"), 4: mdc("8417812", "MDC_CTXT_MEDICATION_LONGACTING"), 5: mdc("8417816", "MDC_CTXT_MEDICATION_PREMIX"),
	}
)

// context reads a Glucose Measurement Context (0x2A34, Glucose Service 3.2): what
// belongs to the measurement with the same sequence number.
func context(r *reader) reading {
	flags, sequence := r.u8(), r.u16()
	got := reading{sequence: &sequence}
	if flags&0x80 != 0 {
		r.u8() // extended flags, of which none is defined
	}
	about := func(m measured) {
		m.context = true
		got.measured = append(got.measured, m)
	}
	word := func(words map[int]Coding, id int, text, code, display string) {
		if w, known := words[id]; known {
			about(measured{profiles: codedProfile, code: concept(text, mdc(code, display)), value: coded(w)})
		}
	}
	amount := func(words map[int]Coding, id int, v Value, text, code, display string) {
		m := numeric(concept(text, mdc(code, display)), false, v)
		if w, known := words[id]; known {
			m.parts = []Component{{Code: concept("Supplemental information", mdc("68193", "MDC_ATTR_SUPPLEMENTAL_TYPES")), Value: coded(w)}}
		}
		about(m)
	}
	if flags&0x01 != 0 {
		id := r.u8()
		amount(carbohydrates, id, quantity(r.sfloat().times(3), "g"), "Carbohydrates", "8417764", "MDC_CTXT_GLU_CARB")
	}
	if flags&0x02 != 0 {
		word(meals, r.u8(), "Meal context", "8417864", "MDC_CTXT_GLU_MEAL")
	}
	if flags&0x04 != 0 {
		both := r.u8()
		word(testers, both&0x0f, "Tester", "8417884", "MDC_CTXT_GLU_TESTER")
		word(healths, both>>4, "Health", "8417820", "MDC_CTXT_GLU_HEALTH")
	}
	if flags&0x08 != 0 {
		duration, intensity := r.u16(), r.u8()
		m := numeric(concept("Exercise", mdc("8417760", "MDC_CTXT_GLU_EXERCISE")), false, quantity(number{mantissa: int64(intensity)}, "%"))
		length := quantity(number{mantissa: int64(duration)}, "s")
		if duration == 0xffff { // longer than can be said
			length = Value{Absent: reason(positiveInfinity)}
		}
		m.parts = []Component{{Code: Concept{Text: "Duration of the exercise"}, Value: length}}
		about(m)
	}
	if flags&0x10 != 0 {
		id := r.u8()
		dose, unit := r.sfloat().times(6), "mg" // of kg
		if flags&0x20 != 0 {
			dose, unit = dose.times(-3), "mL" // of L
		}
		amount(medications, id, quantity(dose, unit), "Medication", "8417796", "MDC_CTXT_MEDICATION")
	}
	if flags&0x40 != 0 {
		about(numeric(concept("Haemoglobin A1c", mdc("8417756", "MDC_CONC_HBA1C"), loinc("4548-4")), false, quantity(r.sfloat(), "%")))
	}
	return got
}

// monitorBits are the bits of Sensor Status Annunciation, as IEEE numbers and names
// them; two of them it has not.
var monitorBits = map[int]bit{
	0: {0, "sensor-session-stopped"}, 1: {-1, "device battery low"}, 2: {2, "sensor-type-incorrect"}, 3: {3, "sensor-malfunction"},
	4: {4, "device-specific-alert"}, 5: {-1, "general device fault"},
	8: {-1, "time synchronisation required"}, 9: {7, "sensor-calibration-not-allowed"}, 10: {8, "sensor-calibration-recommended"},
	11: {9, "sensor-calibration-required"}, 12: {10, "sensor-temp-too-high"}, 13: {11, "sensor-temp-too-low"},
	16: {12, "sensor-result-below-patient-low"}, 17: {13, "sensor-result-above-patient-high"}, 18: {14, "sensor-low-hypo"}, 19: {15, "sensor-high-hyper"},
	20: {16, "sensor-rate-decrease-exceeded"}, 21: {17, "sensor-rate-increase-exceeded"}, 22: {18, "sensor-result-too-low"}, 23: {19, "sensor-result-too-high"},
}

// monitor reads a CGM Measurement (0x2AA7, Continuous Glucose Monitoring Service 3.1):
// one record, of the length that it begins with. A checksum behind it is kept and not
// checked: devices compute it in two ways.
func monitor(r *reader) reading {
	size := r.u8()
	if size < 6 || len(r.b) != size-1 {
		return reading{fault: "has not the length that it says: one record is handed in at a time"}
	}
	flags := r.u8()
	value := r.sfloat()
	got := reading{session: true, offset: r.u16()}
	m := numeric(concept(samples[9].text, samples[9].code, loinc(samples[9].mass)), false, quantity(value, "mg/dL"))
	var said int
	if flags&0x80 != 0 {
		said = r.u8()
	}
	if flags&0x40 != 0 {
		said |= r.u8() << 8
	}
	if flags&0x20 != 0 {
		said |= r.u8() << 16
	}
	got.measured = append(got.measured, m)
	if flags&0x01 != 0 {
		got.measured = append(got.measured, numeric(concept("Glucose trend", mdc("8418008", "MDC_CONC_GLU_TREND")), false, quantity(r.sfloat(), "mg/dL/min")))
	}
	if flags&0x02 != 0 {
		got.measured = append(got.measured, numeric(concept("Quality of the measurement"), false, quantity(r.sfloat(), "%")))
	}
	if len(r.b) == 2 { // with a checksum over what is before it
		r.u16()
	}
	if m := bits("8418060", "MDC_CGM_DEV_STAT", said, monitorBits); m != nil {
		got.measured = append(got.measured, *m)
	}
	return got
}
