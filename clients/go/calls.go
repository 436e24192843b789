package reverie

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pb "github.com/reverie-vis/reverie/clients/go/reveriev1"
)

// A watch is opened anew so often in a row, after such a pause.
const watchAttempts, watchPause = 30, time.Second

// ChannelSpec returns the spec of the picture that excites a channel of a layer, with every default.
func ChannelSpec(model, layer string, channel int32) *pb.RenderSpec {
	goal := &pb.ChannelObjective{Layer: layer, Channel: channel}
	return &pb.RenderSpec{Model: model, Objective: &pb.Objective{Kind: &pb.Objective_Channel{Channel: goal}}}
}

// Models returns all models, pageSize at a time (0: as many as the server likes).
func (c *Client) Models(ctx context.Context, pageSize int32) ([]*pb.Model, error) {
	return pages(func(token string) ([]*pb.Model, string, error) {
		page, err := c.Stub.ListModels(ctx, &pb.ListModelsRequest{PageSize: pageSize, PageToken: token})
		return page.GetModels(), page.GetNextPageToken(), err
	})
}

// Layers returns all layers of a model from the picture upwards, pageSize at a time (0: as many as the server likes).
func (c *Client) Layers(ctx context.Context, model string, pageSize int32) ([]*pb.Layer, error) {
	return pages(func(token string) ([]*pb.Layer, string, error) {
		page, err := c.Stub.ListLayers(ctx, &pb.ListLayersRequest{Model: model, PageSize: pageSize, PageToken: token})
		return page.GetLayers(), page.GetNextPageToken(), err
	})
}

// Stream renders a picture and yields its events: one accepted, any number of progress, one result. An error ends it.
// Leaving the loop stops the render on the server.
func (c *Client) Stream(ctx context.Context, request *pb.StreamRenderRequest) iter.Seq2[*pb.StreamRenderResponse, error] {
	return read(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[pb.StreamRenderResponse], error) {
		return c.Stub.StreamRender(ctx, request)
	})
}

// Watch yields the events of a job after a sequence number, until the job has ended; from 0 on its state comes first. If
// the connection is lost it goes on where it was. Leaving the loop does not stop the job.
func (c *Client) Watch(ctx context.Context, id string, after int64) iter.Seq2[*pb.WatchRenderJobResponse, error] {
	return func(yield func(*pb.WatchRenderJobResponse, error) bool) {
		for failures := 0; ; failures++ {
			from, lost := after, false
			for event, err := range read(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[pb.WatchRenderJobResponse], error) {
				return c.Stub.WatchRenderJob(ctx, &pb.WatchRenderJobRequest{Id: id, AfterSequence: from})
			}) {
				var known *Error
				if lost = errors.As(err, &known) && known.Code == codes.Unavailable && failures < watchAttempts; lost {
					break
				}
				if err != nil {
					yield(nil, err)
					return
				}
				failures = 0
				if event.Item == nil && event.Sequence == from && from > 0 {
					continue // the first response repeats a state that is known
				}
				if after = event.Sequence; !yield(event, nil) {
					return
				}
			}
			if !lost {
				return
			}
			select {
			case <-ctx.Done():
				yield(nil, typed(ctx.Err()))
				return
			case <-time.After(watchPause):
			}
		}
	}
}

// pages joins all pages of a list.
func pages[T any](page func(token string) ([]T, string, error)) (all []T, err error) {
	for token := ""; ; {
		var some []T
		if some, token, err = page(token); err != nil {
			return nil, err
		}
		if all = append(all, some...); token == "" {
			return all, nil
		}
	}
}

// read yields the messages of a stream, and cancels it when the loop is left.
func read[T any](ctx context.Context, open func(context.Context) (grpc.ServerStreamingClient[T], error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := open(ctx)
		for err == nil {
			var message *T
			if message, err = stream.Recv(); err == nil && !yield(message, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, err)
		}
	}
}
