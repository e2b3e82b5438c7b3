package smtp

// advanced tells that n more octets of the content have gone out. last says that
// the message is complete.
func (b *body) advanced(n int, last bool) {
	b.gone += int64(n)
	w := b.c.watch
	if w == nil || w.hooks.Progress == nil {
		return
	}
	p := Progress{Sent: b.gone, Total: w.total}
	switch {
	case last:
		p.Sent = b.octets()
	case p.Total >= 0:
		p.Sent = min(p.Sent, p.Total) // doubled dots are counted until the end
	}
	w.hooks.Progress(w.ctx, p)
}

// ending returns the command that the last reply to the content is to.
func (b *body) ending() string {
	if b.form == dataForm {
		return "."
	}
	return "BDAT"
}
