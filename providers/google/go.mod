module github.com/seed-55a66e92/postern/providers/google

go 1.26.0

require (
	cloud.google.com/go/compute/metadata v0.10.0
	github.com/seed-55a66e92/postern v0.1.0
	golang.org/x/oauth2 v0.37.0
)

require (
	github.com/emersion/go-sasl v0.0.0-20241020182733-b788ff22d5a6 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/xdg-go/stringprep v1.0.4 // indirect
	golang.org/x/sys v0.46.0 // indirect
	golang.org/x/text v0.40.0 // indirect
)

replace github.com/seed-55a66e92/postern => ../..
