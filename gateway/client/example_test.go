package client_test

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/client"
)

// Where the examples find a node of a manufacturer, and one of a hospital.
var (
	makerAddress, makerToken         = os.Getenv("SECANT_EXAMPLE_MAKER"), os.Getenv("SECANT_EXAMPLE_MAKER_TOKEN")
	hospitalAddress, registrarToken  = os.Getenv("SECANT_EXAMPLE_HOSPITAL"), os.Getenv("SECANT_EXAMPLE_REGISTRAR_TOKEN")
	auditorToken, trustFile          = os.Getenv("SECANT_EXAMPLE_AUDITOR_TOKEN"), os.Getenv("SECANT_EXAMPLE_TRUST")
	exampleDI, exampleVersion        = "04012345678901", "4.2.1"
	examplePublic, examplePrivate, _ = ed25519.GenerateKey(nil)
	exampleUnit                      string
)

// A manufacturer registers a model, a release with its bill of materials, and its
// units. What was registered already is not repeated.
func ExampleClient_RegisterUnits() {
	ctx := context.Background()
	c, err := client.New(makerAddress, client.WithTokenFile(makerToken))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	_, err = c.RegisterModel(ctx, client.NewModel{DI: exampleDI, Name: "Bedside monitor BM-7", ModelNumber: "BM-7", RiskClass: "IIb"})
	if err != nil {
		fmt.Println(err)
		return
	}
	bill := []byte(`{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"components":[{"type":"library","name":"openssl","version":"3.0.1"}]}`)
	if _, err := c.PublishRelease(ctx, exampleDI, exampleVersion, client.MediaCycloneDX, bill); err != nil {
		fmt.Println(err)
		return
	}
	units := make([]client.NewUnit, 5)
	for i := range units {
		units[i] = client.NewUnit{
			Serial: fmt.Sprintf("SN-%05d", i), DI: exampleDI, Lot: "L2026-11", Release: exampleVersion, Owner: "hospital-north",
		}
	}
	units[0].PublicKey = hex.EncodeToString(examplePublic)
	units[3].Owner = ""
	got, err := c.RegisterUnits(ctx, units)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(got.Registered, "registered")
	for _, r := range got.Refused {
		fmt.Printf("unit %d: %s\n", r.Index, r.Reason)
	}
}

// A hospital puts a device into service, once its node has learnt of it.
func ExampleClient_PutIntoService() {
	ctx := context.Background()
	c, err := client.New(hospitalAddress, client.WithTokenFile(registrarToken))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	for u, err := range c.Units(ctx, client.UnitFilter{Owner: "hospital-north", DI: exampleDI}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if u.PublicKey != hex.EncodeToString(examplePublic) {
			continue
		}
		served, err := c.PutIntoService(ctx, u.ID, client.NewService{Ward: "ICU 2", Address: "10.20.3.17"})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(served.State)
		exampleUnit = served.ID
	}
}

// A device hands in readings under its own signature, and anybody judges the proof of
// one of them offline.
func ExampleClient_Submit() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	device, err := client.New(hospitalAddress) // it needs no token: it signs
	if err != nil {
		fmt.Println(err)
		return
	}
	defer device.Close()
	readings := client.Readings{Key: examplePrivate, Records: [][]byte{[]byte(`{"bpm":60}`), []byte(`{"bpm":61}`)}}
	if err := readings.Unit.UnmarshalText([]byte(exampleUnit)); err != nil {
		fmt.Println(err)
		return
	}
	receipt, err := device.Submit(ctx, readings)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(receipt.Count, "durable, vouched for by the", receipt.VouchedBy)

	auditor, err := client.New(hospitalAddress, client.WithTokenFile(auditorToken))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer auditor.Close()
	bundle, err := auditor.WaitProof(ctx, receipt.ID, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	trust, err := os.ReadFile(trustFile) // from the consortium, and not from the node
	if err != nil {
		fmt.Println(err)
		return
	}
	verdict, err := client.Verify(trust, bundle)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("record", verdict.Index, "of", verdict.Count, "is unchanged:", verdict.Unit == exampleUnit && verdict.VouchedBy == proof.VouchedByDevice)
}

// What happens at the hospital, from the beginning to now. Without Now it goes on.
func ExampleClient_Events() {
	c, err := client.New(hospitalAddress, client.WithTokenFile(auditorToken))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	seen := map[string]int{}
	for e, err := range c.Events(context.Background(), client.Since{Oldest: true, Now: true}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		seen[e.Kind]++
	}
	fmt.Println(seen["model.registered"], "model,", seen["unit.put_into_service"], "device put into service")
}
