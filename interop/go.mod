module github.com/seed-55a66e92/postern/interop

go 1.26.0

require (
	github.com/emersion/go-imap/v2 v2.0.0-beta.8
	github.com/emersion/go-sasl v0.0.0-20241020182733-b788ff22d5a6
	github.com/emersion/go-smtp v0.25.1
	github.com/google/go-cmp v0.7.0
	github.com/seed-55a66e92/postern v0.1.0
	github.com/wneessen/go-mail v0.8.1
	github.com/xdg-go/scram v1.4.0
)

require (
	github.com/emersion/go-message v0.18.2 // indirect
	github.com/xdg-go/stringprep v1.0.4 // indirect
	golang.org/x/crypto v0.54.0 // indirect
	golang.org/x/text v0.40.0 // indirect
)

replace github.com/seed-55a66e92/postern => ..
