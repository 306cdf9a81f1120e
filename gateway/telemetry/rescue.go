package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// Rescue, deferred, ends a panic of its goroutine: it is logged with its stack, and then
// is called, which counts it and ends what it happened in. So what nobody has sent
// before ends a message or a connection, and not the process.
func Rescue(ctx context.Context, logger *slog.Logger, message string, then func(), attrs ...slog.Attr) {
	r := recover()
	if r == nil {
		return
	}
	attrs = append(attrs, slog.String(KeyError, fmt.Sprint(r)), slog.String(KeyStack, string(debug.Stack())))
	logger.LogAttrs(ctx, slog.LevelError, message, attrs...)
	then()
}
