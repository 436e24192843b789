// Command conformance does one case of clients/conformance.md and prints what it saw.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	reverie "github.com/reverie-vis/reverie/clients/go"
	pb "github.com/reverie-vis/reverie/clients/go/reveriev1"
)

type answer map[string]any

type argument struct {
	Case, Target, Token, Wrong, Model, Layer, ID, Label, Missing string
	TLS                                                          *struct{ CA, Cert, Key string }
	RequestID                                                    string `json:"request_id"`
	Channel, Size, Steps, First, Last                            int32
	PageSize                                                     int32 `json:"page_size"`
	FramesEvery                                                  int32 `json:"frames_every"`
	AfterStep                                                    int32 `json:"after_step"`
	StopAfter                                                    int   `json:"stop_after"`
	Seed                                                         uint32
	Retry                                                        bool
	Timeout                                                      float64 `json:"timeout_s"`
}

// program is one case: its argument, a client, and how many calls it has made.
type program struct {
	argument
	*reverie.Client
	calls int
}

var cases = map[string]func(context.Context, *program) (answer, error){
	"server_info": serverInfo, "list_models": listModels, "list_layers": listLayers, "render": render, "stream": stream,
	"same_bytes": sameBytes, "raw": raw, "cancel": cancelled, "deadline": deadline, "bad_request": failing,
	"not_found": failing, "exhausted": exhausted, "create_job": createJob, "watch_job": watchJob,
	"resume_watch": resumeWatch, "restart": restart, "cancel_job": cancelJob, "large": large, "unicode": unicode,
	"token": token,
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run(text string) error {
	p := &program{}
	if err := json.Unmarshal([]byte(text), &p.argument); err != nil {
		return err
	}
	do, known := cases[p.Case]
	if !known {
		return fmt.Errorf("there is no case %q", p.Case)
	}
	client, err := p.connect(p.Token, false)
	if err != nil {
		return err
	}
	defer client.Close()
	p.Client = client
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	seen, err := do(ctx, p)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(seen)
}

func (p *program) connect(token string, once bool) (*reverie.Client, error) {
	options := reverie.Options{Token: token, NoRetries: once}
	if p.TLS != nil {
		options.CA, options.Cert, options.Key = p.TLS.CA, p.TLS.Cert, p.TLS.Key
	}
	options.Dial = []grpc.DialOption{grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, in, out any,
		conn *grpc.ClientConn, invoke grpc.UnaryInvoker, o ...grpc.CallOption) error {
		p.calls++
		return invoke(ctx, method, in, out, conn, o...)
	})}
	return reverie.Connect(p.Target, options)
}

func (p *program) spec() *pb.RenderSpec {
	spec := reverie.ChannelSpec(p.Model, p.Layer, p.Channel)
	spec.Size = &pb.Size{HeightPx: p.Size, WidthPx: p.Size}
	spec.Steps, spec.Seed = &p.Steps, &p.Seed
	return spec
}

func (p *program) image(ctx context.Context, request *pb.RenderImageRequest) (*pb.Rendering, error) {
	reply, err := p.Stub.RenderImage(ctx, request)
	return reply.GetRendering(), err
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

// failure is what is printed of an error of the client; any other error ends the program.
func failure(err error) (answer, error) {
	var known *reverie.Error
	if !errors.As(err, &known) {
		return nil, fmt.Errorf("not an error of the server: %v", err)
	}
	violations := [][2]string{}
	for _, each := range known.Violations {
		violations = append(violations, [2]string{each.Field, each.Description})
	}
	made := answer{"code": codeName(known.Code), "message": known.Message, "reason": known.Reason, "domain": known.Domain,
		"violations": violations, "resource": nil, "retry_after_s": nil}
	if known.ResourceType != "" {
		made["resource"] = []string{known.ResourceType, known.Resource}
	}
	if known.RetryAfter != nil {
		made["retry_after_s"] = known.RetryAfter.Seconds()
	}
	return made, nil
}

func codeName(code codes.Code) string {
	names := map[codes.Code]string{codes.InvalidArgument: "INVALID_ARGUMENT", codes.NotFound: "NOT_FOUND",
		codes.DeadlineExceeded: "DEADLINE_EXCEEDED", codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
		codes.Unauthenticated: "UNAUTHENTICATED", codes.Canceled: "CANCELLED", codes.Unavailable: "UNAVAILABLE"}
	if name, ok := names[code]; ok {
		return name
	}
	return code.String()
}

func serverInfo(ctx context.Context, p *program) (answer, error) {
	reply, err := p.Stub.GetServerInfo(ctx, &pb.GetServerInfoRequest{})
	info := reply.GetInfo()
	return answer{"version": info.GetVersion(), "maker": info.GetMaker(),
		"max_response_bytes": info.GetLimits().GetMaxResponseBytes()}, err
}

func listModels(ctx context.Context, p *program) (answer, error) {
	models, err := p.Models(ctx, p.PageSize)
	names := []string{}
	for _, model := range models {
		names = append(names, model.Name)
	}
	return answer{"models": names, "calls": p.calls}, err
}

func layerNames(ctx context.Context, p *program) ([]string, error) {
	layers, err := p.Layers(ctx, p.Model, p.PageSize)
	names := []string{}
	for _, layer := range layers {
		names = append(names, layer.Name)
	}
	return names, err
}

func listLayers(ctx context.Context, p *program) (answer, error) {
	names, err := layerNames(ctx, p)
	return answer{"layers": names, "calls": p.calls}, err
}

func picture(made *pb.Rendering) answer {
	return answer{"sha256": sum(made.GetImage().GetData()), "width": made.GetImage().GetWidthPx(),
		"height": made.GetImage().GetHeightPx(), "activation": made.GetActivation(), "outcome": made.GetOutcome().String(),
		"spec_digest": made.GetSpecDigest(), "steps": made.GetSteps()}
}

func render(ctx context.Context, p *program) (answer, error) {
	made, err := p.image(ctx, &pb.RenderImageRequest{Spec: p.spec()})
	return picture(made), err
}

func stream(ctx context.Context, p *program) (answer, error) {
	every := int32(1)
	request := &pb.StreamRenderRequest{Spec: p.spec(), ProgressEverySteps: &every,
		Frames: &pb.FrameRequest{EverySteps: p.FramesEvery}}
	events, frames, digests, last := []string{}, []int32{}, []string{}, ""
	for event, err := range p.Stream(ctx, request) {
		if err != nil {
			return nil, err
		}
		switch event := event.Event.(type) {
		case *pb.StreamRenderResponse_Accepted:
			events = append(events, "accepted")
		case *pb.StreamRenderResponse_Progress:
			events = append(events, "progress")
			if frame := event.Progress.Frame; frame != nil {
				frames, digests = append(frames, frame.Step), append(digests, sum(frame.Image.Data))
			}
		case *pb.StreamRenderResponse_Result:
			events, last = append(events, "result"), sum(event.Result.Image.Data)
		}
	}
	return answer{"events": events, "frames": frames, "frame_sha256": digests, "sha256": last}, nil
}

func sameBytes(ctx context.Context, p *program) (answer, error) {
	bypass := pb.CacheMode_CACHE_MODE_BYPASS
	one, err := p.image(ctx, &pb.RenderImageRequest{Spec: p.spec(), Cache: &bypass})
	if err != nil {
		return nil, err
	}
	var two *pb.Rendering
	for event, err := range p.Stream(ctx, &pb.StreamRenderRequest{Spec: p.spec(), Cache: &bypass}) {
		if err != nil {
			return nil, err
		}
		two = event.GetResult()
	}
	three, err := p.image(ctx, &pb.RenderImageRequest{Spec: one.EffectiveSpec, Cache: &bypass})
	if err != nil {
		return nil, err
	}
	sums, digests := []string{}, []string{}
	for _, made := range []*pb.Rendering{one, two, three} {
		sums, digests = append(sums, sum(made.GetImage().GetData())), append(digests, made.GetSpecDigest())
	}
	return answer{"sha256": sums, "spec_digest": digests}, nil
}

func rawData(ctx context.Context, p *program) ([]byte, error) {
	format := pb.ImageFormat_IMAGE_FORMAT_RAW
	made, err := p.image(ctx, &pb.RenderImageRequest{Spec: p.spec(), Format: &format})
	return made.GetImage().GetData(), err
}

func raw(ctx context.Context, p *program) (answer, error) {
	data, err := rawData(ctx, p)
	if err != nil {
		return nil, err
	}
	numbers := make([]float32, len(data)/4)
	for i := range numbers {
		numbers[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return answer{"count": len(numbers), "minimum": slices.Min(numbers), "maximum": slices.Max(numbers),
		"first": numbers[0]}, nil
}

func large(ctx context.Context, p *program) (answer, error) {
	data, err := rawData(ctx, p)
	return answer{"bytes": len(data), "sha256": sum(data)}, err
}

func cancelled(ctx context.Context, p *program) (answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	every, step := int32(1), int32(0)
	for event, err := range p.Stream(ctx, &pb.StreamRenderRequest{Spec: p.spec(), ProgressEverySteps: &every}) {
		if err != nil {
			seen, err := failure(err)
			return answer{"code": seen["code"], "step": step}, err
		}
		if step = max(step, event.GetProgress().GetStep()); step >= p.AfterStep {
			cancel()
		}
	}
	return answer{"code": "OK", "step": step}, nil
}

func deadline(ctx context.Context, p *program) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(p.Timeout*float64(time.Second)))
	defer cancel()
	begun := time.Now()
	seen, err := failing(ctx, p)
	if err == nil {
		seen["took_s"] = time.Since(begun).Seconds()
	}
	return seen, err
}

func failing(ctx context.Context, p *program) (answer, error) {
	_, err := p.image(ctx, &pb.RenderImageRequest{Spec: p.spec()})
	seen, err := failure(err)
	return answer{"error": seen}, err
}

func exhausted(ctx context.Context, p *program) (answer, error) {
	if !p.Retry {
		once, err := p.connect(p.Token, true)
		if err != nil {
			return nil, err
		}
		defer once.Close()
		p.Client = once
		return failing(ctx, p)
	}
	begun := time.Now()
	seen, err := render(ctx, p)
	seen["took_s"] = time.Since(begun).Seconds()
	return seen, err
}

func createJob(ctx context.Context, p *program) (answer, error) {
	template := p.spec()
	template.Objective = nil
	request := &pb.CreateRenderJobRequest{Template: template, RequestId: &p.RequestID, Layers: []*pb.JobLayer{
		{Layer: p.Layer, Channels: []*pb.ChannelRange{{First: p.First, Last: p.Last}}}}}
	ids := []string{}
	var job *pb.RenderJob
	for range 2 {
		reply, err := p.Stub.CreateRenderJob(ctx, request)
		if err != nil {
			return nil, err
		}
		job = reply.Job
		ids = append(ids, job.Id)
	}
	return answer{"ids": ids, "item_count": job.ItemCount, "state": job.State.String()}, nil
}

func watched(ctx context.Context, p *program, each func(*pb.JobItem) error) (answer, error) {
	items, sequences, state := [][4]any{}, []int64{}, ""
	for event, err := range p.Watch(ctx, p.ID, 0) {
		if err != nil {
			return nil, err
		}
		sequences, state = append(sequences, event.Sequence), event.Job.State.String()
		if item := event.Item; item != nil {
			items = append(items, [4]any{item.Index, item.Layer, item.Channel, item.Outcome.String()})
			if err := each(item); err != nil {
				return nil, err
			}
		}
	}
	return answer{"items": items, "sequences": sequences, "state": state}, nil
}

func watchJob(ctx context.Context, p *program) (answer, error) {
	sums, only := []string{}, pb.CacheMode_CACHE_MODE_ONLY
	seen, err := watched(ctx, p, func(item *pb.JobItem) error {
		made, err := p.image(ctx, &pb.RenderImageRequest{Spec: item.EffectiveSpec, Cache: &only})
		sums = append(sums, sum(made.GetImage().GetData()))
		return err
	})
	if err == nil {
		seen["sha256"] = sums
	}
	return seen, err
}

func restart(ctx context.Context, p *program) (answer, error) {
	said := false
	return watched(ctx, p, func(*pb.JobItem) error {
		if !said {
			fmt.Println("ready")
		}
		said = true
		return nil
	})
}

func resumeWatch(ctx context.Context, p *program) (answer, error) {
	first, second, indices, state := []int64{}, []int64{}, []int32{}, ""
	for event, err := range p.Watch(ctx, p.ID, 0) {
		if err != nil {
			return nil, err
		}
		first = append(first, event.Sequence)
		if event.Item != nil {
			indices = append(indices, event.Item.Index)
		}
		if len(indices) == p.StopAfter {
			break
		}
	}
	for event, err := range p.Watch(ctx, p.ID, first[len(first)-1]) {
		if err != nil {
			return nil, err
		}
		second, state = append(second, event.Sequence), event.Job.State.String()
		if event.Item != nil {
			indices = append(indices, event.Item.Index)
		}
	}
	return answer{"first": first, "second": second, "indices": indices, "state": state}, nil
}

func cancelJob(ctx context.Context, p *program) (answer, error) {
	one, err := p.Stub.CancelRenderJob(ctx, &pb.CancelRenderJobRequest{Id: p.ID})
	if err != nil {
		return nil, err
	}
	two, err := p.Stub.GetRenderJob(ctx, &pb.GetRenderJobRequest{Id: p.ID})
	return answer{"states": []string{one.Job.State.String(), two.GetJob().GetState().String()}}, err
}

func unicode(ctx context.Context, p *program) (answer, error) {
	names, err := layerNames(ctx, p)
	if err != nil {
		return nil, err
	}
	spec := p.spec()
	goal := &pb.LogitObjective{Layer: &p.Layer, Class: &pb.LogitObjective_Label{Label: p.Label}}
	spec.Objective = &pb.Objective{Kind: &pb.Objective_Logit{Logit: goal}}
	made, err := p.image(ctx, &pb.RenderImageRequest{Spec: spec})
	if err != nil {
		return nil, err
	}
	p.Layer = p.Missing
	seen, err := failing(ctx, p)
	return answer{"layers": names, "sha256": sum(made.Image.Data), "error": seen["error"],
		"index": made.EffectiveSpec.Objective.GetLogit().GetIndex()}, err
}

func token(ctx context.Context, p *program) (answer, error) {
	seen, err := serverInfo(ctx, p)
	if err != nil {
		return nil, err
	}
	made := answer{"version": seen["version"], "error": nil}
	other, err := p.connect(p.Wrong, true)
	if err != nil {
		return nil, err
	}
	defer other.Close()
	p.Client = other
	if _, err = serverInfo(ctx, p); err != nil {
		made["error"], err = failure(err)
	}
	return made, err
}
