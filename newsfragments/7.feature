RocketMQ's HTTP protocol, version 2015-06-06, as Alibaba Cloud's SDKs speak it: publish with tags, keys
and properties, scheduled and ordered messages, transactions; consumer groups with redelivery, dead
letters and long polls. `mqgate sign` signs a request for curl.
