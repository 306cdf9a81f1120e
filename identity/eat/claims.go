package eat

import (
	"math"
	"time"
)

// Labels of claims (RFC 8392, section 4; RFC 9711, section 10.2).
const (
	claimExpires      = int64(4)
	claimNotBefore    = int64(5)
	claimIssued       = int64(6)
	claimNonce        = int64(10)
	claimUEID         = int64(256)
	claimOEMID        = int64(258)
	claimDebug        = int64(263)
	claimProfile      = int64(265)
	claimSubmodules   = int64(266)
	claimSoftware     = int64(270)
	claimVersion      = int64(271)
	claimMeasurements = int64(273)
)

const (
	minNonce, maxNonce = 8, 64 // bytes (RFC 9711, section 4.1)
	ueidRandom         = 0x01
)

// readClaims reads a token's payload. What it does not know it passes over, as RFC
// 9711 has it (section 7.2.1); but for sub-modules, whose claims could be taken for the unit's.
func readClaims(b []byte) (*Claims, error) {
	var m members
	if err := decode(b, &m, "the token's payload"); err != nil {
		return nil, err
	}
	c := new(Claims)
	if profile, there := m[claimProfile]; there && profile != Profile {
		return nil, invalid("the token is of another profile than %s", Profile)
	}
	if _, there := m[claimSubmodules]; there {
		return nil, invalid("the token has sub-modules, which are not understood here")
	}
	for _, read := range []func(members) error{c.readIdentity, c.readTimes, c.readSoftware} {
		if err := read(m); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Claims) readIdentity(m members) (err error) {
	if c.Nonce, err = m.bytes(claimNonce, "eat_nonce"); err != nil {
		return err
	}
	if len(c.Nonce) < minNonce || len(c.Nonce) > maxNonce {
		return invalid("eat_nonce must be one challenge of %d to %d bytes", minNonce, maxNonce)
	}
	ueid, err := m.bytes(claimUEID, "ueid")
	if err != nil {
		return err
	}
	if len(ueid) != 1+len(c.Unit) || ueid[0] != ueidRandom {
		return invalid("ueid must be the byte 01 and the unit's id of %d bytes", len(c.Unit))
	}
	copy(c.Unit[:], ueid[1:])
	if oem, ok := m[claimOEMID].([]byte); ok && len(oem) == len(OEMID("")) {
		c.OEM = oem
	}
	return nil
}

func (c *Claims) readTimes(m members) error {
	for label, to := range map[int64]*time.Time{claimIssued: &c.Issued, claimExpires: &c.expires, claimNotBefore: &c.notBefore} {
		switch v := m[label].(type) {
		case nil:
			if _, there := m[label]; there {
				return invalid("iat, exp and nbf must be seconds since 1970")
			}
		case int64:
			const last = 253402300799 // of the year 9999
			if v <= 0 || v > last {
				return invalid("iat, exp and nbf must be seconds since 1970")
			}
			*to = time.Unix(v, 0).UTC()
		case float64: // RFC 8392 lets times be fractions
			if v <= 0 || v > math.MaxInt32*64 {
				return invalid("iat, exp and nbf must be seconds since 1970")
			}
			*to = time.Unix(int64(v), 0).UTC()
		default:
			return invalid("iat, exp and nbf must be seconds since 1970")
		}
	}
	return nil
}

func (c *Claims) readSoftware(m members) (err error) {
	if c.Software, err = m.text(claimSoftware, "swname"); err != nil {
		return err
	}
	if v, there := m[claimVersion]; there {
		list, ok := v.([]any)
		if !ok || len(list) < 1 || len(list) > 2 {
			return invalid("swversion must be a list of a version and, if need be, its scheme")
		}
		if c.Version, err = (members{claimVersion: list[0]}).text(claimVersion, "swversion"); err != nil {
			return err
		}
	}
	if v, there := m[claimDebug]; there {
		n, ok := v.(int64)
		if !ok || n < 0 || n > int64(DebugDisabledFully-1) {
			return invalid("dbgstat must be 0 to 4")
		}
		c.Debug = Debug(n + 1)
	}
	if v, there := m[claimMeasurements]; there {
		c.Measured, err = readMeasurements(v)
	}
	return err
}
