package reverie

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A Violation is one mistake in a request.
type Violation struct {
	// Field is the path of the field, such as "spec.objective.channel.channel".
	Field string
	// Description says what is wrong with it and what is allowed.
	Description string
}

// Error is what every call fails with; errors.As finds it.
type Error struct {
	Code    codes.Code
	Message string
	// Reason is a constant of the protocol, such as "NOT_SERVED", and Domain whose it is. Branch on Code and Reason.
	Reason, Domain string
	// Violations are all mistakes of an invalid request.
	Violations []Violation
	// ResourceType and Resource are what was not found, such as "layer" and its name.
	ResourceType, Resource string
	// RetryAfter is the time after which the server asks to try again; nil if waiting does not help.
	RetryAfter *time.Duration
	// Incident is the number under which the server's log describes a failure of its own.
	Incident string
	status   *status.Status
}

// Error returns a sentence for people, with all violations.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s", e.Code, e.Message)
	for _, violation := range e.Violations {
		if !strings.Contains(e.Message, violation.Description) {
			text += fmt.Sprintf("\n  %s: %s", violation.Field, violation.Description)
		}
	}
	return text
}

// GRPCStatus returns the status that gRPC reported.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// typed returns an error of gRPC as Error; nil and io.EOF stay what they are.
func typed(err error) error {
	var known *Error
	if err == nil || errors.Is(err, io.EOF) || errors.As(err, &known) {
		return err
	}
	reported, ok := status.FromError(err)
	if !ok {
		reported = status.FromContextError(err)
		if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	made := &Error{Code: reported.Code(), Message: reported.Message(), status: reported}
	for _, detail := range reported.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			made.Reason, made.Domain = detail.Reason, detail.Domain
		case *errdetails.BadRequest:
			for _, each := range detail.FieldViolations {
				made.Violations = append(made.Violations, Violation{each.Field, each.Description})
			}
		case *errdetails.ResourceInfo:
			made.ResourceType, made.Resource = detail.ResourceType, detail.ResourceName
		case *errdetails.RetryInfo:
			delay := detail.RetryDelay.AsDuration()
			made.RetryAfter = &delay
		case *errdetails.RequestInfo:
			made.Incident = detail.RequestId
		}
	}
	return made
}
