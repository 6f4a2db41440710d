"""GitHub and GitLab as far as the shipped pipelines use them; what is not known of a service is refused."""
