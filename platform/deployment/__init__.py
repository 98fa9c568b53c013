"""Deployment: requests to targets, mirrors, weights, and when a deployment is due."""
