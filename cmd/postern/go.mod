module github.com/seed-55a66e92/postern/cmd/postern

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/seed-55a66e92/postern v0.1.0
	github.com/seed-55a66e92/postern/providers/generic v0.1.0
	github.com/seed-55a66e92/postern/providers/google v0.1.0
	github.com/spf13/cobra v1.10.2
	github.com/spf13/pflag v1.0.9
	github.com/wneessen/go-mail v0.8.1
)

require (
	cloud.google.com/go/compute/metadata v0.10.0 // indirect
	github.com/emersion/go-sasl v0.0.0-20241020182733-b788ff22d5a6 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/xdg-go/stringprep v1.0.4 // indirect
	golang.org/x/crypto v0.54.0 // indirect
	golang.org/x/oauth2 v0.37.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.40.0 // indirect
)

replace github.com/seed-55a66e92/postern => ../..

replace github.com/seed-55a66e92/postern/providers/generic => ../../providers/generic

replace github.com/seed-55a66e92/postern/providers/google => ../../providers/google
