package senml

import "strings"

// object is an object of OMA's registry, by what its resources are called.
type object struct {
	name      string
	resources map[string]string
}

// sensor are the resources that IPSO's sensors share.
var sensor = map[string]string{
	"5700": "Sensor Value", "5701": "Sensor Units", "5601": "Min Measured Value", "5602": "Max Measured Value",
	"5603": "Min Range Value", "5604": "Max Range Value", "5518": "Timestamp", "6050": "Fractional Timestamp",
	"6042": "Measurement Quality Indicator", "6049": "Measurement Quality Level", "5750": "Application Type", "5821": "Current Calibration",
}

// objects are those that devices in care use.
var objects = map[string]object{
	"3": {name: "Device", resources: map[string]string{
		"0": "Manufacturer", "1": "Model Number", "2": "Serial Number", "3": "Firmware Version", "6": "Available Power Sources", "7": "Power Source Voltage",
		"8": "Power Source Current", "9": "Battery Level", "10": "Memory Free", "11": "Error Code", "13": "Current Time", "14": "UTC Offset",
		"17": "Device Type", "18": "Hardware Version", "19": "Software Version", "20": "Battery Status",
	}},
	"4": {name: "Connectivity Monitoring", resources: map[string]string{"0": "Network Bearer", "2": "Radio Signal Strength", "3": "Link Quality", "4": "IP Addresses"}},
	"5": {name: "Firmware Update", resources: map[string]string{"3": "State", "5": "Update Result", "7": "Package Version"}},
	"6": {name: "Location", resources: map[string]string{"0": "Latitude", "1": "Longitude", "5": "Timestamp"}},

	"3300": {name: "Generic Sensor", resources: sensor},
	"3301": {name: "Illuminance", resources: sensor},
	"3302": {name: "Presence", resources: map[string]string{"5500": "Digital Input State", "5501": "Digital Input Counter"}},
	"3303": {name: "Temperature", resources: sensor},
	"3304": {name: "Humidity", resources: sensor},
	"3313": {name: "Accelerometer", resources: map[string]string{"5702": "X Value", "5703": "Y Value", "5704": "Z Value", "5701": "Sensor Units"}},
	"3315": {name: "Barometer", resources: sensor},
	"3316": {name: "Voltage", resources: sensor},
	"3317": {name: "Current", resources: sensor},
	"3320": {name: "Percentage", resources: sensor},
	"3322": {name: "Load", resources: sensor},
	"3323": {name: "Pressure", resources: sensor},
	"3325": {name: "Concentration", resources: sensor},
	"3328": {name: "Power", resources: sensor},
	"3338": {name: "Buzzer", resources: map[string]string{"5850": "On/Off"}},
	"3346": {name: "Rate", resources: sensor},
	"3347": {name: "Push button", resources: map[string]string{"5500": "Digital Input State", "5501": "Digital Input Counter"}},
}

// explain says what a name means that is the path of an LwM2M resource:
// /object/instance/resource. A name that is longer, as with an instance of a resource,
// means the same.
func (r *Record) explain() {
	rest, ok := strings.CutPrefix(r.Name, "/")
	if !ok {
		return
	}
	parts := strings.Split(rest, "/")
	if len(parts) < 3 || len(parts) > 4 {
		return
	}
	if o, known := objects[parts[0]]; known {
		r.Object, r.Resource = o.name, o.resources[parts[2]]
	}
}
