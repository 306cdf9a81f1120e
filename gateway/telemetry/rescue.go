package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// Rescue ends a panic of the goroutine that defers it: it is logged with its stack and
// the part of the node that failed, and then is called, which counts it and ends what it
// happened in. So what nobody has sent before ends a message or a connection, and not the
// process.
func Rescue(ctx context.Context, logger *slog.Logger, part string, then func(), attrs ...slog.Attr) {
	r := recover()
	if r == nil {
		return
	}
	attrs = append(attrs, slog.String(KeyPart, part), slog.String(KeyError, fmt.Sprint(r)), slog.String(KeyStack, string(debug.Stack())))
	logger.LogAttrs(ctx, slog.LevelError, "panic recovered", attrs...)
	then()
}
