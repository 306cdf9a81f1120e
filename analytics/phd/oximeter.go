package phd

// oximeterBits are the bits of Device and Sensor Status. The service counts from the
// other end than IEEE.
var oximeterBits = func() map[int]bit {
	m := map[int]bit{}
	for i, b := range inOrder("sensor-disconnected", "sensor-malfunction", "sensor-displaced", "sensor-unsupported", "sensor-off", "sensor-interference",
		"signal-searching", "signal-pulse-questionable", "signal-non-pulsatile", "signal-erratic", "signal-low-perfusion",
		"signal-poor", "signal-inadequate", "signal-processing-irregularity", "device-equipment-malfunction", "device-extended-update") {
		m[15-i] = b
	}
	return m
}()

// oximeterStatus are the bits of Measurement Status that say how much a measurement
// is worth (Pulse Oximeter Service 3.1).
var oximeterStatus = map[int]status{
	5: statusOngoing, 6: statusEarly, 7: statusValidated, 10: statusDemo, 11: statusTest, 12: statusCalibrating,
	13: statusUnavailable, 14: statusQuestionable, 15: statusInvalid,
}

// The ways in which an oximeter averages (MDC_ATTR_SUPPLEMENTAL_TYPES).
var (
	spot = mdc("150588", "MDC_MODALITY_SPOT")
	fast = mdc("150580", "MDC_MODALITY_FAST")
	slow = mdc("150584", "MDC_MODALITY_SLOW")
)

// pair reads a saturation and a pulse rate.
func pair(r *reader, modality ...Coding) []measured {
	var parts []Component
	if len(modality) > 0 {
		parts = []Component{{Code: concept("Supplemental information", mdc("68193", "MDC_ATTR_SUPPLEMENTAL_TYPES")), Value: coded(modality...)}}
	}
	saturation := numeric(concept("Oxygen saturation", mdc("150456", "MDC_PULS_OXIM_SAT_O2"), loinc("2708-6"), loinc("59408-5")), true, quantity(r.sfloat(), "%"))
	rate := numeric(concept("Pulse rate", mdc("149530", "MDC_PULS_OXIM_PULS_RATE"), loinc("8867-4")), true, quantity(r.sfloat(), "/min"))
	saturation.parts, rate.parts = parts, parts
	return []measured{saturation, rate}
}

// statuses reads the two kinds of status that both of an oximeter's characteristics
// may have, and the pulse amplitude index.
func (g *reading) statuses(r *reader, measurement, sensor, amplitude bool) {
	var s status
	stored := false
	if measurement {
		said := r.u16()
		for bit, what := range oximeterStatus {
			if said>>bit&1 != 0 {
				s |= what
			}
		}
		stored = said>>9&1 != 0
	}
	var device *measured
	if sensor {
		device = bits("150604", "MDC_PULS_OXIM_DEV_STATUS", r.u24(), oximeterBits)
	}
	if amplitude {
		g.measured = append(g.measured, numeric(concept("Pulse amplitude index", mdc("150448", "MDC_PULS_OXIM_PERF_REL"), loinc("61006-3")), false, quantity(r.sfloat(), "%")))
	}
	for i := range g.measured {
		g.measured[i].status = s
		if stored {
			g.measured[i].parts = append(g.measured[i].parts[:len(g.measured[i].parts):len(g.measured[i].parts)],
				Component{Code: Concept{Text: "From the device's storage"}, Value: boolean(true)})
		}
	}
	if device != nil {
		g.measured = append(g.measured, *device)
	}
}

// spotCheck reads a PLX Spot-Check Measurement (0x2A5E, Pulse Oximeter Service 3.1).
func spotCheck(r *reader) reading {
	flags := r.u8()
	got := reading{measured: pair(r, spot), unset: flags&0x10 != 0}
	got.stamped(r, flags&0x01 != 0)
	got.statuses(r, flags&0x02 != 0, flags&0x04 != 0, flags&0x08 != 0)
	return got
}

// continuous reads a PLX Continuous Measurement (0x2A5F, Pulse Oximeter Service 3.2),
// which has no time of its own.
func continuous(r *reader) reading {
	flags := r.u8()
	got := reading{measured: pair(r)}
	if flags&0x01 != 0 {
		got.measured = append(got.measured, pair(r, fast)...)
	}
	if flags&0x02 != 0 {
		got.measured = append(got.measured, pair(r, slow)...)
	}
	got.statuses(r, flags&0x04 != 0, flags&0x08 != 0, flags&0x10 != 0)
	return got
}
