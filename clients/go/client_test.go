package reverie

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/reverie-vis/reverie/clients/go/reveriev1"
)

func TestTheServiceConfigIsTheOneThatAllClientsShare(t *testing.T) {
	shared, err := os.ReadFile("../service_config.json")
	if err != nil {
		t.Skip("outside of a checkout")
	}
	if string(shared) != serviceConfig {
		t.Error("service_config.json is not clients/service_config.json: run `make clients`")
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"localhost:1":   "localhost:1",
		"server":        "server:50051",
		"[::1]:7":       "[::1]:7",
		"unix:/tmp/s":   "unix:/tmp/s",
		"10.0.0.1:9000": "10.0.0.1:9000",
	} {
		if got, _, err := resolve(address); err != nil || got != want {
			t.Errorf("%s: %s, %v", address, got, err)
		}
	}
	for _, address := range []string{"", "http://localhost:1", "a b:1", "user@host:1", "1:2:3"} {
		if _, err := Connect(address, Options{}); err == nil || !strings.Contains(err.Error(), "HOST:PORT") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestAKeyNeverTravelsInPlaintextToAnotherMachine(t *testing.T) {
	if _, err := Connect("example.com:1", Options{Token: "k", Plaintext: true}); err == nil || !strings.Contains(err.Error(), "plaintext") {
		t.Error(err)
	}
	if _, err := Connect("127.0.0.1:1", Options{Token: "k"}); err != nil {
		t.Error(err)
	}
}

func TestAFileThatIsMissingIsNamed(t *testing.T) {
	for _, option := range []Options{{CA: "no-such.pem"}, {Cert: "no-such.pem", Key: "no-such.key"}} {
		if _, err := Connect("localhost:1", option); err == nil || !strings.Contains(err.Error(), "no-such.pem") {
			t.Error(err)
		}
	}
}

func TestDetailsOfAnError(t *testing.T) {
	reported, err := status.New(codes.ResourceExhausted, "full").WithDetails(
		&errdetails.ErrorInfo{Reason: "QUEUE_FULL", Domain: "reverie.v1"},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "spec.steps", Description: "no"}}},
		&errdetails.ResourceInfo{ResourceType: "layer", ResourceName: "conv9"},
	)
	if err != nil {
		t.Fatal(err)
	}
	var known *Error
	if !errors.As(typed(reported.Err()), &known) {
		t.Fatal("not an Error")
	}
	if known.Reason != "QUEUE_FULL" || *known.RetryAfter != 1500*time.Millisecond || known.Resource != "conv9" {
		t.Errorf("%+v", known)
	}
	if known.Violations[0] != (Violation{"spec.steps", "no"}) || !strings.Contains(known.Error(), "spec.steps: no") {
		t.Error(known)
	}
}

func TestTheCallersRequestGetsNoId(t *testing.T) {
	request := &pb.RenderImageRequest{}
	sent := identified(request).(*pb.RenderImageRequest)
	if request.RequestId != nil || sent.RequestId == nil {
		t.Error("the id belongs into a copy")
	}
	if again := identified(sent).(*pb.RenderImageRequest); again != sent {
		t.Error("an id that is there is kept")
	}
}
