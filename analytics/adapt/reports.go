package adapt

// reportFormats are the forms in which intelligence comes. Plain text is not detected:
// every file would be.
var reportFormats = []Format{csafFormat, mispFormat, stixFormat, openIOCFormat, pdfFormat, htmlFormat, textFormat}
