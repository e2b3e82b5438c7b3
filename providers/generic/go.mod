module github.com/seed-55a66e92/postern/providers/generic

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/seed-55a66e92/postern v0.1.0
	golang.org/x/oauth2 v0.37.0
)

require (
	github.com/emersion/go-sasl v0.0.0-20241020182733-b788ff22d5a6 // indirect
	github.com/xdg-go/stringprep v1.0.4 // indirect
	golang.org/x/text v0.40.0 // indirect
)

replace github.com/seed-55a66e92/postern => ../..
