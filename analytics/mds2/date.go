package mds2

import "time"

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}
