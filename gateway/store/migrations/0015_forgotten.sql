-- What was erased is taken off whatever it was found by, and a request that comes again
-- is the version that it was.
CREATE INDEX fhir_version_request ON fhir_version (request);
CREATE INDEX image_receipt ON image (receipt);
