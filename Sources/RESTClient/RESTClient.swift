// RESTClient
