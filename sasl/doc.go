// Package sasl chooses and runs SASL mechanisms, above all those of OAuth 2.0.
package sasl
