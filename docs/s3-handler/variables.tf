variable "name" {
  description = "What the resources are called."
  type        = string
  default     = "s3-handler"
}

variable "bundle" {
  description = "The file index.mjs of dist/s3-handler."
  type        = string
}

variable "bucket" {
  description = "The bucket whose objects the distribution shows, in this Region."
  type        = string
}

variable "send_bucket_events" {
  description = "Whether to make the bucket send its events to EventBridge. This replaces every other notification of the bucket."
  type        = bool
  default     = false
}

variable "distribution_id" {
  type = string
}

variable "prefix" {
  description = "What keys begin with and paths do not, such as site/. Other objects are left alone."
  type        = string
  default     = ""
}

variable "path_prefix" {
  description = "What paths begin with and keys do not, such as /docs/."
  type        = string
  default     = ""
}

variable "index_variants" {
  description = "Whether dir/index.html clears /dir/ and /dir as well, and index.html clears /."
  type        = bool
  default     = true
}

variable "max_paths" {
  type    = number
  default = 1000
}

variable "batching_window_seconds" {
  description = "How long changes are gathered before they are cleared together."
  type        = number
  default     = 10
}

variable "log_retention_days" {
  type    = number
  default = 30
}

variable "alarm_topic_arns" {
  description = "The SNS topics that are told when something could not be cleared."
  type        = list(string)
  default     = []
}
