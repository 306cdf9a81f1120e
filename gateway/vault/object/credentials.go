package object

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxCredentials bounds a file with credentials, in bytes.
const maxCredentials = 16 << 10

// readCredentials reads the first section of a file as other tools for S3 have it. Its
// errors never repeat a line.
func readCredentials(file string) (id, secret, token string, err error) {
	f, err := os.Open(file) //nolint:gosec // the operator names it
	if err != nil {
		return "", "", "", fmt.Errorf("reading the credentials of the place for objects: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written through it
	info, err := f.Stat()
	if err != nil {
		return "", "", "", fmt.Errorf("reading the credentials of the place for objects: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", "", "", fmt.Errorf("the credentials in %s are open to others (mode %04o): make it 0600", file, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxCredentials+1))
	if err != nil {
		return "", "", "", fmt.Errorf("reading the credentials of the place for objects: %w", err)
	}
	if len(text) > maxCredentials {
		return "", "", "", fmt.Errorf("%s is too large for credentials", file)
	}
	return parseCredentials(string(text))
}

func parseCredentials(text string) (id, secret, token string, err error) {
	sections, fields := 0, map[string]*string{"aws_access_key_id": &id, "aws_secret_access_key": &secret, "aws_session_token": &token}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			if sections++; sections > 1 {
				break
			}
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		if field := fields[strings.TrimSpace(name)]; field != nil {
			*field = strings.TrimSpace(value)
		}
	}
	if id == "" || secret == "" {
		return "", "", "", errors.New("a file with credentials has the lines aws_access_key_id and aws_secret_access_key")
	}
	return id, secret, token, nil
}
