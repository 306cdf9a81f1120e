package phd

// heartRate reads a Heart Rate Measurement (0x2A37, Heart Rate Service 3.1).
func heartRate(r *reader) reading {
	flags := r.u8()
	var rate int
	if flags&0x01 != 0 {
		rate = r.u16()
	} else {
		rate = r.u8()
	}
	hr := numeric(concept("Heart rate", mdc("147842", "MDC_ECG_HEART_RATE"), loinc("8867-4")), true, quantity(number{mantissa: int64(rate)}, "/min"))
	if flags&0x04 != 0 {
		touching := flags&0x02 != 0
		hr.parts = []Component{{Code: Concept{Text: "Sensor contact"}, Value: boolean(touching)}}
		if !touching {
			hr.status = statusQuestionable
		}
	}
	got := reading{measured: []measured{hr}}
	if flags&0x08 != 0 {
		energy := r.u16()
		got.measured = append(got.measured, numeric(concept("Energy expended", mdc("8454263", "MDC_HF_ENERGY")), false, quantity(number{mantissa: int64(energy)}, "kJ")))
	}
	if flags&0x10 != 0 {
		if len(r.b) == 0 || len(r.b)%2 != 0 {
			r.short = true
		}
		for len(r.b) > 1 {
			// 1/1024 s, in milliseconds: exactly 0.9765625 of them.
			got.measured = append(got.measured, numeric(concept("RR interval", mdc("147240", "MDC_ECG_TIME_PD_RR_GL"), loinc("8637-1")), false,
				quantity(number{mantissa: int64(r.u16()) * 9765625, exponent: -7}, "ms")))
		}
	}
	return got
}

var pressureBits = inOrder("body-movement", "cuff-too-loose", "irregular-pulse", "pulse-over-range-limit", "pulse-under-range-limit", "improper-body-position")

// bloodPressure reads a Blood Pressure Measurement (0x2A35, Blood Pressure Service 3.1).
func bloodPressure(r *reader) reading {
	flags := r.u8()
	unit := "mm[Hg]"
	if flags&0x01 != 0 {
		unit = "kPa"
	}
	part := func(text string, v Value, codes ...Coding) Component { return Component{concept(text, codes...), v} }
	bp := measured{profiles: compoundProfile, vital: true, code: concept("Blood pressure", mdc("150020", "MDC_PRESS_BLD_NONINV"), loinc("85354-9"))}
	bp.parts = []Component{
		part("Systolic blood pressure", quantity(r.sfloat(), unit), mdc("150021", "MDC_PRESS_BLD_NONINV_SYS"), loinc("8480-6")),
		part("Diastolic blood pressure", quantity(r.sfloat(), unit), mdc("150022", "MDC_PRESS_BLD_NONINV_DIA"), loinc("8462-4")),
		part("Mean blood pressure", quantity(r.sfloat(), unit), mdc("150023", "MDC_PRESS_BLD_NONINV_MEAN"), loinc("8478-0")),
	}
	got := reading{}
	got.stamped(r, flags&0x02 != 0)
	var others []measured
	if flags&0x04 != 0 {
		others = append(others, numeric(concept("Pulse rate", mdc("149546", "MDC_PULS_RATE_NON_INV"), loinc("8867-4")), true, quantity(r.sfloat(), "/min")))
	}
	if flags&0x08 != 0 {
		bp.parts = append(bp.parts, userOf(r.u8())...)
	}
	if flags&0x10 != 0 {
		said := r.u16()
		if said&0x18 == 0x18 { // one number of two bits: above the range is 1, below it 2, and 3 nothing
			said &^= 0x18
		}
		if m := bits("8410608", "MDC_BLOOD_PRESSURE_MEASUREMENT_STATUS", said, pressureBits); m != nil {
			others = append(others, *m)
		}
	}
	got.measured = append([]measured{bp}, others...)
	return got
}

// temperatureTypes are the places of a measurement (Temperature Type, 0x2A1D).
var temperatureTypes = map[int]Coding{
	1: mdc("188452", "MDC_TEMP_AXILLA"), 2: mdc("150364", "MDC_TEMP_BODY"), 3: mdc("188428", "MDC_TEMP_EAR"),
	4: mdc("188432", "MDC_TEMP_FINGER"), 5: mdc("188456", "MDC_TEMP_GIT"), 6: mdc("188424", "MDC_TEMP_ORAL"),
	7: mdc("188420", "MDC_TEMP_RECT"), 8: mdc("188448", "MDC_TEMP_TOE"), 9: mdc("150392", "MDC_TEMP_TYMP"),
}

// temperature reads a Temperature Measurement (0x2A1C, Health Thermometer Service 3.1).
func temperature(r *reader) reading {
	flags := r.u8()
	unit := "Cel"
	if flags&0x01 != 0 {
		unit = "[degF]"
	}
	v := quantity(r.float(), unit)
	got := reading{}
	got.stamped(r, flags&0x02 != 0)
	where := temperatureTypes[2]
	if flags&0x04 != 0 {
		if c, known := temperatureTypes[r.u8()]; known {
			where = c
		}
	}
	got.measured = []measured{numeric(concept("Body temperature", where, loinc("8310-5")), true, v)}
	return got
}

// weight reads a Weight Measurement (0x2A9D, Weight Scale Service 3.2).
func weight(r *reader) reading {
	flags := r.u8()
	raw := r.u16()
	mass, massUnit, length, lengthUnit := number{mantissa: int64(raw) * 5, exponent: -3}, "kg", -3, "m"
	if flags&0x01 != 0 {
		mass, massUnit, length, lengthUnit = number{mantissa: int64(raw), exponent: -2}, "[lb_av]", -1, "[in_i]"
	}
	if raw == 0xffff { // the measurement was unsuccessful
		mass = number{absent: inError}
	}
	got := reading{}
	got.stamped(r, flags&0x02 != 0)
	scale := numeric(concept("Body weight", mdc("188736", "MDC_MASS_BODY_ACTUAL"), loinc("29463-7")), true, quantity(mass, massUnit))
	if flags&0x04 != 0 {
		scale.parts = userOf(r.u8())
	}
	got.measured = []measured{scale}
	if flags&0x08 != 0 {
		bmi, height := r.u16(), r.u16()
		got.measured = append(got.measured,
			numeric(concept("Body mass index", mdc("188752", "MDC_RATIO_MASS_BODY_LEN_SQ"), loinc("39156-5")), true, quantity(number{mantissa: int64(bmi), exponent: -1}, "kg/m2")),
			numeric(concept("Body height", mdc("188740", "MDC_LEN_BODY_ACTUAL"), loinc("8302-2")), true, quantity(number{mantissa: int64(height), exponent: length}, lengthUnit)))
	}
	return got
}

// composition reads a Body Composition Measurement (0x2A9C, Body Composition Service 3.2).
func composition(r *reader) reading {
	flags, raw := r.u16(), r.u16()
	imperial := flags&0x01 != 0
	fat := number{mantissa: int64(raw), exponent: -1}
	if raw == 0xffff { // the measurement was unsuccessful
		fat = number{absent: inError}
	}
	got := reading{}
	got.stamped(r, flags&0x02 != 0)
	first := numeric(concept("Body fat", mdc("188748", "MDC_BODY_FAT"), loinc("41982-0")), false, quantity(fat, "%"))
	if flags&0x04 != 0 {
		first.parts = userOf(r.u8())
	}
	got.measured = []measured{first}
	also := func(bit int, code Concept, vital bool, read func(raw int64) Value) {
		if flags>>bit&1 != 0 {
			got.measured = append(got.measured, numeric(code, vital, read(int64(r.u16()))))
		}
	}
	in := func(exponent int, unit string) func(int64) Value {
		return func(raw int64) Value { return quantity(number{mantissa: raw, exponent: exponent}, unit) }
	}
	mass, length := in(-2, "[lb_av]"), in(-1, "[in_i]")
	if !imperial {
		mass = func(raw int64) Value { return quantity(number{mantissa: raw * 5, exponent: -3}, "kg") }
		length = in(-3, "m")
	}
	also(3, concept("Basal metabolism", mdc("188768", "MDC_BASAL_METABOLISM")), false, in(0, "kJ"))
	also(4, concept("Muscle", mdc("188772", "MDC_BODY_MUSCLE")), false, in(-1, "%"))
	also(5, concept("Muscle mass", mdc("188776", "MDC_MASS_BODY_MUSCLE")), false, mass)
	also(6, concept("Fat free mass", mdc("188756", "MDC_MASS_BODY_FAT_FREE")), false, mass)
	also(7, concept("Soft lean mass", mdc("188760", "MDC_MASS_BODY_SOFT_LEAN")), false, mass)
	also(8, concept("Body water mass", mdc("188764", "MDC_BODY_WATER")), false, mass)
	also(9, concept("Impedance", mdc("188780", "MDC_BODY_ELECTRICAL_IMPEDANCE")), false, in(-1, "Ohm"))
	also(10, concept("Body weight", mdc("188736", "MDC_MASS_BODY_ACTUAL"), loinc("29463-7")), true, mass)
	also(11, concept("Body height", mdc("188740", "MDC_LEN_BODY_ACTUAL"), loinc("8302-2")), true, length)
	return got
}

// stamped reads the time stamp of a value that has one.
func (g *reading) stamped(r *reader, there bool) {
	if !there {
		return
	}
	s, ok := r.stamp()
	if !ok {
		g.fault = "has a time stamp that is no date"
	}
	g.stamp = &s
}
