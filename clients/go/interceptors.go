package reverie

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/reverie-vis/reverie/clients/go/reveriev1"
)

// prepare adds the key and the deadline to the context of a call.
func (o *Options) prepare(ctx context.Context, method string) (context.Context, context.CancelFunc) {
	if o.Token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+o.Token)
	}
	if _, has := ctx.Deadline(); has || method == pb.VisualizationService_WatchRenderJob_FullMethodName {
		return context.WithCancel(ctx)
	}
	if o.Timeout == 0 {
		return context.WithTimeout(ctx, defaultTimeout)
	}
	return context.WithTimeout(ctx, o.Timeout)
}

// identified returns a copy of a request with an id, by which a retry joins the first attempt.
func identified(request any) any {
	message := request.(proto.Message).ProtoReflect()
	field := message.Descriptor().Fields().ByName("request_id")
	if field == nil || message.Has(field) {
		return request
	}
	copied := proto.Clone(message.Interface())
	copied.ProtoReflect().Set(field, protoreflect.ValueOfString(uuid.NewString()))
	return copied
}

func (o *Options) unary(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn,
	invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	ctx, cancel := o.prepare(ctx, method)
	defer cancel()
	return typed(invoke(ctx, method, identified(request), reply, conn, options...))
}

func (o *Options) stream(ctx context.Context, description *grpc.StreamDesc, conn *grpc.ClientConn, method string,
	open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, cancel := o.prepare(ctx, method)
	opened, err := open(ctx, description, conn, method, options...)
	if err != nil {
		cancel()
		return nil, typed(err)
	}
	return &typedStream{opened, cancel}, nil
}

// typedStream is a stream whose errors are of type Error.
type typedStream struct {
	grpc.ClientStream
	cancel context.CancelFunc
}

func (s *typedStream) SendMsg(message any) error {
	return typed(s.ClientStream.SendMsg(identified(message)))
}

func (s *typedStream) RecvMsg(message any) error {
	err := s.ClientStream.RecvMsg(message)
	if err != nil {
		s.cancel()
	}
	return typed(err)
}
