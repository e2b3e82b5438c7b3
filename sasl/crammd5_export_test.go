package sasl

import "context"

// NewCRAMMD5Server is the server side of CRAM-MD5 with a challenge that is known
// beforehand.
func NewCRAMMD5Server(ctx context.Context, d Directory, challenge []byte) Server {
	return &cramMD5Server{ctx: ctx, directory: d, challenge: challenge}
}
