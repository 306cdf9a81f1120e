package client_test

import (
	"os"
	"testing"
	"time"
)

// TestExamplesRun runs the examples against the nodes that the environment names. The
// nodes are gateway/app's, whose TestTheClientsExamplesRun starts this.
func TestExamplesRun(t *testing.T) {
	if makerAddress == "" {
		t.Skip("run by gateway/app, which has nodes")
	}
	for _, e := range []struct {
		run  func()
		want string
	}{
		{ExampleClient_RegisterUnits, "4 registered\nunit 3: owner must be 1 to 64 characters of letters, digits and -._:/\n"},
		{ExampleClient_PutIntoService, "in_service\n"},
		{ExampleClient_Submit, "2 durable, vouched for by the device\nrecord 1 of 2 is unchanged: true\n"},
		{ExampleClient_Events, "1 model, 1 device put into service\n"},
	} {
		got := printed(t, e.run)
		for end := time.Now().Add(10 * time.Second); got == "" && time.Now().Before(end); { // the hospital's node follows the ledger
			time.Sleep(20 * time.Millisecond)
			got = printed(t, e.run)
		}
		if got != e.want {
			t.Fatalf("%q, want %q", got, e.want)
		}
	}
}

// printed returns what a function prints.
func printed(t *testing.T, run func()) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	was := os.Stdout
	os.Stdout = file
	defer func() { os.Stdout = was }()
	run()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
