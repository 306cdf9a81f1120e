// Package pdftext reads the text of a PDF. Its reader of the format is a library that
// trusts what it reads, so it runs in a process of its own, with little memory, little
// time and nothing but the file: a file that makes it run for ever, or out of memory,
// ends that process and is refused. The child is the same program, started anew; whatever
// program imports this package can be its own child.
package pdftext

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds on one file.
const (
	MaxBytes = 16 << 20 // of the PDF
	MaxText  = 1 << 20  // of its text; what comes after is left out
	maxPages = 2_000

	maxSeconds = 5         // of processor time
	maxWait    = 30        // seconds that the parent waits
	maxMemory  = 768 << 20 // bytes that the child may hold
	maxAnswer  = 8 * MaxText
)

// Document is what a PDF says.
type Document struct {
	Title string    // as its properties say; may be empty
	Time  time.Time // when it was made, as its properties say; may be zero
	Text  string
	Pages int // that were read
	Lost  int // pages that could not be read
}

// childName is the argument by which a child is told from a program that someone
// started. It is read only together with the variable, so that no one starts it by
// mistake.
const (
	childName     = "secant-pdf-text"
	childVariable = "SECANT_PDF_TEXT_CHILD"

	damaged = 65 // how a child ends that cannot read the file; Go's runtime ends with 2
)

// init makes a child of this program read its standard input, and end, before anything
// else of the program runs. A command of the program would do too, but then a program
// that does not know the command, a test for one, would start itself over and over.
func init() {
	if len(os.Args) == 1 && os.Args[0] == childName && os.Getenv(childVariable) == "1" {
		os.Exit(child(os.Stdin, os.Stdout)) //nolint:forbidigo // the child is no more than this function
	}
}

// child reads a PDF and writes its text.
func child(in io.Reader, out io.Writer) int {
	if err := limit(); err != nil {
		return 3
	}
	b, err := io.ReadAll(io.LimitReader(in, MaxBytes+1))
	if err != nil || len(b) > MaxBytes {
		return 3
	}
	d, err := parse(b)
	if err != nil {
		return damaged
	}
	if err := json.NewEncoder(out).Encode(d); err != nil {
		return 3
	}
	return 0
}

// Read returns the text of a PDF: invalid for what is none or is damaged, too_large for
// what takes more time or memory than a report may.
func Read(ctx context.Context, b []byte) (Document, error) {
	if len(b) > MaxBytes {
		return Document{}, ledger.Problemf(ledger.CodeTooLarge, "the PDF has more than %d MiB", MaxBytes>>20)
	}
	if !bytes.Contains(b[:min(len(b), 1024)], []byte("%PDF-")) {
		return Document{}, ledger.Problemf(ledger.CodeInvalid, "this is no PDF")
	}
	self, err := os.Executable()
	if err != nil {
		return Document{}, fmt.Errorf("finding the program that reads PDF: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, maxWait*time.Second)
	defer cancel()
	var out answer
	c := exec.CommandContext(limited, self) //nolint:gosec // the program that runs already
	c.Args, c.Env, c.Stdin, c.Stdout = []string{childName}, []string{childVariable + "=1"}, bytes.NewReader(b), &out
	c.WaitDelay = time.Second
	err = c.Run()
	switch exit := c.ProcessState; {
	case ctx.Err() != nil:
		return Document{}, ctx.Err()
	case exit == nil:
		return Document{}, fmt.Errorf("starting the program that reads PDF: %w", err)
	case exit.ExitCode() == damaged:
		return Document{}, ledger.Problemf(ledger.CodeInvalid, "the PDF cannot be read: it is damaged, encrypted or of an unusual kind; save it anew or as text")
	case err != nil:
		return Document{}, ledger.Problemf(ledger.CodeTooLarge, "the PDF takes more time or memory to read than a report may; save it as text")
	}
	var d Document
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		return Document{}, ledger.Problemf(ledger.CodeInvalid, "the PDF cannot be read")
	}
	d.Text = strings.ToValidUTF8(d.Text, "\ufffd")
	return d, nil
}

// answer keeps what a child writes, up to a bound.
type answer struct{ bytes.Buffer }

func (a *answer) Write(b []byte) (int, error) {
	if a.Len()+len(b) > maxAnswer {
		return 0, ledger.Problemf(ledger.CodeTooLarge, "the answer is too long")
	}
	return a.Buffer.Write(b)
}
