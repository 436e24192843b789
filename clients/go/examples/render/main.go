// Command render lists the layers of a model, renders one channel with live progress, and saves the picture.
//
//	go run ./examples/render [-server localhost:50051] [-model texture19] [-layer conv4_3] [-channel 46] [-o out.png] [-bad]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"google.golang.org/grpc/codes"

	reverie "github.com/reverie-vis/reverie/clients/go"
	pb "github.com/reverie-vis/reverie/clients/go/reveriev1"
)

func main() {
	server := flag.String("server", "localhost:50051", "HOST:PORT of the server")
	model := flag.String("model", "texture19", "a model of the server")
	layer := flag.String("layer", "conv4_3", "a layer of the model")
	channel := flag.Int("channel", 46, "a channel of the layer")
	out := flag.String("o", "out.png", "where the picture is saved")
	bad := flag.Bool("bad", false, "send a request with mistakes, to see what comes back")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	spec := reverie.ChannelSpec(*model, *layer, int32(*channel))
	if *bad {
		none := int32(0)
		spec.Steps, spec.Size = &none, &pb.Size{HeightPx: -1, WidthPx: 1 << 20}
	}
	err := render(ctx, *server, spec, *out)
	var known *reverie.Error
	if errors.As(err, &known) && known.Code == codes.Canceled {
		fmt.Println("\ncancelled: the server has stopped the render")
		os.Exit(130)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(ctx context.Context, server string, spec *pb.RenderSpec, out string) error {
	client, err := reverie.Connect(server, reverie.Options{})
	if err != nil {
		return err
	}
	defer client.Close()
	layers, err := client.Layers(ctx, spec.Model, 0)
	if err != nil {
		return err
	}
	for _, layer := range layers {
		fmt.Printf("%-12s %4d channels\n", layer.Name, layer.Channels)
	}
	for event, err := range client.Stream(ctx, &pb.StreamRenderRequest{Spec: spec}) {
		if err != nil {
			return err
		}
		if progress := event.GetProgress(); progress != nil {
			fmt.Printf("\rstep %d of %d: objective %.3f ", progress.Step, progress.Steps, progress.Objective)
		}
		if result := event.GetResult(); result != nil {
			fmt.Printf("\nactivation %.3f, %s\n", result.Activation, out)
			return os.WriteFile(out, result.Image.Data, 0o644)
		}
	}
	return errors.New("the stream ended without a picture")
}
