module github.com/seed-55a66e92/postern

go 1.25.0

require (
	github.com/emersion/go-sasl v0.0.0-20241020182733-b788ff22d5a6
	github.com/google/go-cmp v0.7.0
	github.com/xdg-go/stringprep v1.0.4
)

require golang.org/x/text v0.40.0 // indirect
